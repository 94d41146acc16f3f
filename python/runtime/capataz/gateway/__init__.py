"""The HTTP gateway: ``capataz serve``. Callers without a driver reach the SQL functions with an API key. ::

    capataz serve --dsn postgresql://gateway@localhost/work

What it offers is what the catalog says the role ``capataz_gateway`` may execute: it owns no rule and knows no function
by name but those of API keys, rate limits and idempotency. The modules, in the order of a request:

- :mod:`.server`: the process: sockets, limits of connections and headers, signals, the start message
- :mod:`.app`: paths, API keys, bodies, answers
- :mod:`.catalog`: which functions there are, and the one SQL statement that each call becomes
- :mod:`.arguments`: JSON bodies, checked before they become SQL arguments
- :mod:`.schemas`, :mod:`.checkers`: inputs against the JSON Schema of their module, in processes that can be ended
- :mod:`.database`, :mod:`.lines`: the two transactions of a call, and the connections
- :mod:`.problems`: refusals as ``application/problem+json``
- :mod:`.audit`: one line per call
- :mod:`.openapi`: the same catalog as an OpenAPI document

Needs the extra ``gateway``: ``pip install 'capataz[gateway]'``.
"""
