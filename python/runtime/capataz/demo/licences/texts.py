"""Licence texts: what a passage of prose says -> the licences it grants.

Four kinds of evidence, from strong to weak:

* ``spdx``: an ``SPDX-License-Identifier:`` line;
* ``full text``: the text of a licence itself. Long texts are compared with the ones in ``/usr/share/common-licenses``
  (shingles of six words, containment), short ones (MIT, BSD, ISC, ...) are known by the phrases that make them what
  they are;
* ``notice``: "... under the terms of the GNU General Public License ... either version 2 ... or any later version";
* ``pointer``: nothing but a path under ``/usr/share/common-licenses``, or a bare name.

All matching is done on *normalised* text: lower case, words and version numbers only, so that line breaks, comment
marks, list bullets and quotation marks do not matter. Where the reference directory is missing, everything but the
comparison still works.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path

from .names import parse_expression

__all__ = ["COMMON_LICENSES", "Finding", "find_exceptions", "find_licences", "normalise", "reference_texts"]

COMMON_LICENSES = Path("/usr/share/common-licenses")

_SHINGLE = 6
_MIN_SIMILARITY = 0.72
_MIN_RUN = 280  # words: a copied licence is longer than any notice


@dataclass(frozen=True, slots=True)
class Finding:
    """A licence that a passage names, quotes or grants."""

    id: str
    kind: str  # spdx | full text | notice | pointer
    confidence: float
    detail: str


# --- normalisation ----------------------------------------------------------------------------------------------------

_NOT_WORD = re.compile(r"[^a-z0-9.]+")
_LONE_DOT = re.compile(r"(?<![0-9])\.+|\.+(?![0-9])")
_SPACES = re.compile(r" {2,}")


def normalise(text: str) -> str:
    """Lower-case words and version numbers, one space between them and at both ends."""
    lowered = text.lower().replace("licence", "license").replace("’", "'")
    lowered = re.sub(r"(?<=\w)-\s*\n[\s*#/]*(?=[a-z])", "-", lowered)  # a word broken at the end of a line
    words = _LONE_DOT.sub(" ", _NOT_WORD.sub(" ", lowered.replace("'s ", "s ")))
    return f" {_SPACES.sub(' ', words).strip()} "


# --- long texts: comparison with the reference directory --------------------------------------------------------------

# What a full text alone grants. The GNU texts let later versions be used only where a notice says so.
_REFERENCE_IDS = {
    "Apache-2.0": "Apache-2.0",
    "Artistic": "Artistic-1.0-Perl",
    "BSD": "BSD-3-Clause",
    "CC0-1.0": "CC0-1.0",
    "GFDL-1.2": "GFDL-1.2-only",
    "GFDL-1.3": "GFDL-1.3-only",
    "GPL-1": "GPL-1.0-only",
    "GPL-2": "GPL-2.0-only",
    "GPL-3": "GPL-3.0-only",
    "LGPL-2": "LGPL-2.0-only",
    "LGPL-2.1": "LGPL-2.1-only",
    "LGPL-3": "LGPL-3.0-only",
    "MPL-1.1": "MPL-1.1",
    "MPL-2.0": "MPL-2.0",
}


# The appendices show how to write a notice. They grant nothing, and a real notice must not look like a part of them.
_APPENDIX = re.compile(
    r" how to (?:apply these terms to your new (?:programs?|library|libraries)|use this license for your documents) "
    r".{0,6000}?(?:thats all there is to it|library general public license instead of this license"
    r"|lesser general public license instead of this license|to permit their use in free software)"
)


def _shingles(words: list[str]) -> list[int]:
    """Hashes of every run of six words, in order."""
    return [hash(s) for s in zip(*(words[i:] for i in range(_SHINGLE)), strict=False)]


@lru_cache(maxsize=4)
def reference_texts(directory: Path = COMMON_LICENSES) -> dict[str, frozenset[int]]:
    """The shingles of each reference text by its SPDX identifier; empty where there is no such directory."""
    texts: dict[str, frozenset[int]] = {}
    for name, identifier in _REFERENCE_IDS.items():
        path = directory / name
        try:
            text = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
        texts[identifier] = frozenset(_shingles(_APPENDIX.sub(" ¶", normalise(text)).split()))
    return texts


def _compare(norm: str, directory: Path) -> tuple[list[Finding], str]:
    """Full texts contained in the passage, and the passage without them.

    The texts are cut out because they quote each other: the LGPL speaks of "version 3 of the GNU General Public
    License", and the appendix of each of them holds a sample notice that grants nothing.
    """
    references = reference_texts(directory)
    words = norm.split()
    if not references or len(words) < 150:
        return [], norm
    shingles = _shingles(words)
    present = set(shingles)
    findings: list[Finding] = []
    covering: set[int] = set()
    scores = {identifier: len(reference & present) / len(reference) for identifier, reference in references.items()}
    for identifier, score in sorted(scores.items(), key=lambda item: -item[1]):
        if score < _MIN_SIMILARITY:
            break
        reference = references[identifier]
        # A sibling of a text found already (GFDL 1.2 and 1.3 share most words) must bring enough of its own.
        own = reference - covering
        if covering and len(own & present) < 0.5 * max(len(own), 1):
            continue
        covering |= reference
        detail = f"{score:.0%} of the words of {directory / _file_of(identifier)}"
        findings.append(Finding(identifier, "full text", round(min(0.98, 0.5 + score / 2), 3), detail))
    if not covering:
        return [], norm
    covered = [s in covering for s in shingles] + [False] * (len(words) - len(shingles))
    kept: list[str] = []
    at = 0
    for inside, run in groupby(_smooth(covered)):
        length = len(list(run))
        kept.extend(["¶"] if inside and length >= _MIN_RUN else words[at : at + length])
        at += length
    return findings, f" {' '.join(kept)} "


def _file_of(identifier: str) -> str:
    return next(name for name, spdx in _REFERENCE_IDS.items() if spdx == identifier)


def _smooth(flags: list[bool]) -> list[bool]:
    """Forget short stretches that just share a phrase, then close gaps of up to 30 words: an address that moved."""
    result: list[bool] = []
    for inside, run in groupby(flags):
        length = len(list(run))
        result.extend([inside and length >= 40] * length)
    last = -100
    for index, flag in enumerate(list(result)):
        if flag:
            if 1 < index - last <= 30:
                result[last + 1 : index] = [True] * (index - last - 1)
            last = index
    return result


# --- short texts: the phrases that make a licence what it is ----------------------------------------------------------


def _mit(body: str) -> str | None:
    if "unicode data files" in body[:400]:
        return "Unicode-DFS-2016"
    if "redistributions of source code must retain" in body:
        return "NCSA"
    if "shall be used for good not evil" in body:
        return "JSON"
    if "copyright notice s and this permission notice appear in all copies" in body:
        return "ICU"
    if "above copyright notice" not in body[:1400] and "permission notice" not in body[:1400]:
        return "MIT-0" if "without warranty of any kind" in body else None
    if re.search(r"endorse or promote products|materials (and|or) documentation .{0,80}must", body[:1500]):
        return None
    end = body.find(" dealings in the software ")
    tail = body[end : end + 70] if end > 0 else body[:1600]
    return "X11" if " except as contained in this notice " in tail else "MIT"


def _boost(body: str) -> str | None:
    return "BSL-1.0"


def _bsd(body: str) -> str | None:
    if "openssl toolkit" in body or "openssl project" in body:
        return "OpenSSL"
    if "openldap" in body:
        return "OLDAP-2.8"
    if "cryptographic software written by eric young" in body:
        return "SSLeay-standalone"
    if "products derived from this software may not be called" in body and "a copy of this document" in body:
        return "Plexus"
    if "servicemarks sm or trademarks tm" in body:
        return "ZPL-2.1"
    end = body.find(" such damage")
    if end > 0:
        body = body[: end + 12]
    if "the origin of this software must not be misrepresented" in body:
        return "bzip2-1.0.6"
    if "end user documentation included with the redistribution" in body:
        return "Apache-1.1" if "apache software foundation" in body else None
    if "sleepycat" in body or "must be accompanied by information on how to obtain complete source code" in body:
        return "Sleepycat" if "accompanied by information on how to obtain" in body else None
    source = re.search(
        r"redistributions? (of|in) source|source (code )?(distributions|redistributions) must|retain the "
        r"above copyright|must retain .{0,60}copyright",
        body,
    )
    binary = re.search(
        r"in binary form must|binary (form|distributions|redistributions)? ?must reproduce|reproduce the "
        r"(above )?copyright",
        body,
    )
    advertising = re.search(r"advertising materials? mentioning", body)
    endorse = re.search(
        r"(neither the (names?|author|copyright)|(the |your )?names? .{0,160}(may|must|shall|can)( not| n t)) .{0,200}"
        r"(endorse|promote)|endorse or promote products derived|not be used to endorse",
        body,
    )
    if advertising and not endorse and binary:
        return "BSD-4-Clause" if "acknowledg" in body and "endorse" in body else "BSD-Advertising-Acknowledgement"
    if advertising:
        return "BSD-4-Clause-UC" if "university of california" in body else "BSD-4-Clause"
    if endorse and source and binary:
        return "BSD-3-Clause-Clear" if "no express or implied licenses to any partys patent" in body else "BSD-3-Clause"
    if source and binary:
        return "BSD-2-Clause"
    if source and not binary and not endorse:
        return "BSD-1-Clause"
    return None


def _permission(body: str) -> str | None:
    """ "Permission to use, copy, modify ... is hereby granted": ISC, HPND and their relations."""
    head = body[:420]
    if "without a written agreement is hereby granted" in head:
        return "PostgreSQL" if "copyright notice" in head else None
    if "the open group" in body and "except as contained in this notice" in body:
        return "MIT-open-group"
    if "stichting mathematisch centrum" in body:
        return "HPND"
    if "with or without fee is hereby granted" in head and "its documentation" not in head:
        if "provided that" not in head:
            return "0BSD"
        if "supporting documentation" in head:
            return "NTP" if "advertising or publicity" in body else None
        if "except as contained in this notice the name" in body:
            return "curl"
        return "ISC" if re.search(r"appears? in all copies|be included in all copies", head) else None
    if "with or without fee is hereby granted" in head and "supporting documentation" in head:
        return "NTP"
    if "carnegie mellon" in head:
        return "MIT-CMU"
    if "this entire notice is included in all copies" in head:
        return "dtoa"
    if "supporting documentation" not in head:
        return None
    if re.search(r"distribute and sell|distribute sell|and sell this software", head):
        return "HPND-sell-variant"
    return "HPND"


@dataclass(frozen=True, slots=True)
class _Family:
    anchor: re.Pattern[str]
    length: int
    before: int
    decide: Callable[[str], str | None]
    confidence: float


_FAMILIES = (
    _Family(
        re.compile(
            r" permission is (hereby )?granted free of charge to any (person|individual)s? obtaining a copy of "
            r"(this|the) (?!fonts? |software and accompanying documentation covered )"
        ),
        2400,
        0,
        _mit,
        0.95,
    ),
    _Family(
        re.compile(
            r" permission is hereby granted free of charge to any person or organization obtaining a copy of "
            r"the software and accompanying documentation covered by this license"
        ),
        400,
        0,
        _boost,
        0.97,
    ),
    _Family(
        re.compile(
            r" (redistribution and use (of this software )?in (any|source and binary) forms?|redistribution "
            r"and use of this (source code|software)|redistribution and use are permitted) "
        ),
        2900,
        0,
        _bsd,
        0.93,
    ),
    _Family(re.compile(r" permission to use copy modify( and or| and| or)? distribute"), 2200, 0, _permission, 0.9),
)

# One phrase, one licence. Each is a sentence that only this licence has, in normalised spelling.
_PHRASES: tuple[tuple[str, str, float], ...] = (
    (
        "the above copyright notices and this permission notice appear in all copies of the software and related "
        "documentation",
        "libtiff",
        0.93,
    ),
    (
        "permission is granted to anyone to use this software for any purpose on any computer system and to "
        "redistribute "
        "it freely",
        "Spencer-86",
        0.93,
    ),
    (
        "permission is granted to anyone to use this software for any purpose on any computer system and to "
        "alter it and "
        "redistribute it",
        "Spencer-94",
        0.93,
    ),
    (
        "permission is hereby granted without written agreement and without license or royalty fees to use copy "
        "modify and "
        "distribute this software and its documentation for any purpose",
        "MIT-Modern-Variant",
        0.95,
    ),
    (
        "for any purpose without fee is hereby granted provided that this entire notice is included in all copies",
        "dtoa",
        0.9,
    ),
    (
        "license is hereby granted to use this software and distribute it freely as long as this copyright notice is "
        "retained and modifications are clearly marked",
        "Jam",
        0.95,
    ),
    ("you must acknowledge somewhere in your documentation that you ve used the ijg code", "IJG", 0.95),
    ("distributed according to the same disclaimer and license as libpng", "Libpng", 0.93),
    ("microsoft public license ms pl", "MS-PL", 0.93),
    (
        "the author disclaims copyright to this source code in place of a legal notice here is a blessing",
        "blessing",
        0.95,
    ),
    ("the goals of the open font license ofl", "OFL-1.1", 0.9),
    ("creative commons cc0", "CC0-1.0", 0.85),
    ("cc0 public domain dedication", "CC0-1.0", 0.85),
    ("creative commons zero", "CC0-1.0", 0.85),
    (
        "permission is granted to anyone to use this software for any purpose including commercial applications and to "
        "alter it and redistribute it freely",
        "Zlib",
        0.95,
    ),
    ("this is free and unencumbered software released into the public domain", "Unlicense", 0.97),
    (
        "copying and distribution of this file with or without modification are permitted in any medium without "
        "royalty "
        "provided the copyright notice and this notice are preserved",
        "FSFAP",
        0.96,
    ),
    (
        "copying and distribution of this file with or without modification are permitted in any medium without "
        "royalty "
        "provided that the copyright notice and this notice are preserved",
        "FSFAP",
        0.93,
    ),
    ("the free software foundation gives unlimited permission to copy distribute and modify it", "FSFUL", 0.96),
    (
        "gives unlimited permission to copy and or distribute it with or without modifications as long as this "
        "notice is "
        "preserved",
        "FSFULLR",
        0.95,
    ),
    ("boost software license version 1.0", "BSL-1.0", 0.95),
    ("distributed under the boost software license", "BSL-1.0", 0.9),
    ("sil open font license version 1.1", "OFL-1.1", 0.95),
    ("sil open font license version 1.0", "OFL-1.0", 0.95),
    ("the freetype project license", "FTL", 0.93),
    ("sil open font license", "OFL-1.1", 0.85),
    (
        "this license establishes the terms under which a given free software package may be copied modified "
        "distributed "
        "and or redistributed",
        "Artistic-2.0",
        0.96,
    ),
    ("openldap public license version 2.8", "OLDAP-2.8", 0.95),
    ("the openldap public license version 2.8", "OLDAP-2.8", 0.95),
    ("do what the fuck you want to public license", "WTFPL", 0.95),
    ("the beer ware license", "Beerware", 0.95),
    ("beerware license", "Beerware", 0.85),
    ("as long as you retain this notice you can do whatever you want with this stuff", "Beerware", 0.95),
    ("python software foundation license version 2", "Python-2.0", 0.93),
    (
        "permission is granted to make and distribute verbatim copies of this manual provided the copyright notice and "
        "this permission notice are preserved on all copies permission is granted to copy and distribute modified",
        "Latex2e",
        0.7,
    ),
    (
        "since the linux kernel and libraries are constantly changing this manual page may be incorrect or out of date",
        "Linux-man-pages-copyleft",
        0.96,
    ),
    (
        "the authors hereby grant permission to use copy modify distribute and license this software and its "
        "documentation "
        "for any purpose",
        "TCL",
        0.95,
    ),
    ("unicode data files and software", "Unicode-DFS-2016", 0.75),
    (
        "permission is hereby granted free of charge to any person obtaining a copy of the fonts accompanying "
        "this license",
        "Bitstream-Vera",
        0.95,
    ),
    (
        "license is granted to copy and use this software provided that it is identified as the rsa data "
        "security inc md5 "
        "message digest algorithm",
        "RSA-MD",
        0.95,
    ),
    (
        "license to copy and use this software is granted provided that it is identified as the rsa data security inc",
        "RSA-MD",
        0.95,
    ),
    ("sun rpc is a product of sun microsystems inc and is provided for unrestricted use", "LicenseRef-Sun-RPC", 0.9),
    ("creative commons legal code cc0 1.0 universal", "CC0-1.0", 0.96),
    ("cc0 1.0 universal", "CC0-1.0", 0.85),
    ("zope public license zpl version 2.1", "ZPL-2.1", 0.95),
    ("the info zip license", "Info-ZIP", 0.9),
    ("cryptix general license", "Cryptix", 0.95),
    ("vim license", "Vim", 0.6),
    ("this is the vim license", "Vim", 0.9),
    ("imagemagick license", "ImageMagick", 0.85),
    ("the x consortium shall not be used in advertising", "X11", 0.5),
    ("w3c software notice and license", "W3C", 0.9),
    ("blue oak model license 1.0.0", "BlueOak-1.0.0", 0.95),
    ("llvm exceptions to the apache 2.0 license", "Apache-2.0", 0.9),
)

_NAMED: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str], float], ...] = (
    (
        re.compile(
            r" (?:under|the) (?:the )?(?:terms of the )?apache (?:software )?license,? (?:version |v )?2(?:\.0)? "
        ),
        "Apache-2.0",
        0.93,
    ),
    (re.compile(r" apache license (?:version |v ?)2(?:\.0)? "), "Apache-2.0", 0.9),
    (re.compile(r" mozilla public license (?:version |v ?)?(?P<v>1\.0|1\.1|2\.0) "), lambda m: f"MPL-{m['v']}", 0.92),
    (re.compile(r" mpl (?:version |v ?)?(?P<v>1\.1|2\.0) "), lambda m: f"MPL-{m['v']}", 0.7),
    (
        re.compile(
            r" (?:cc|creative commons) (?:by|attribution) (?:sa|share ?alike) (?:license )?(?:version )?"
            r"(?P<v>[1234]\.[05]) "
        ),
        lambda m: f"CC-BY-SA-{m['v']}",
        0.9,
    ),
    (
        re.compile(r" (?:cc|creative commons) (?:by|attribution) (?:license )?(?:version )?(?P<v>[1234]\.[05]) "),
        lambda m: f"CC-BY-{m['v']}",
        0.88,
    ),
    (
        re.compile(r" attribution share ?alike (?P<v>[1234]\.[05]) (?:unported|international|generic) "),
        lambda m: f"CC-BY-SA-{m['v']}",
        0.9,
    ),
    (
        re.compile(r" attribution (?P<v>[1234]\.[05]) (?:unported|international|generic) "),
        lambda m: f"CC-BY-{m['v']}",
        0.9,
    ),
    (re.compile(r" eclipse public license (?:version |v ?)?(?P<v>[12])(?:\.0)? "), lambda m: f"EPL-{m['v']}.0", 0.92),
    (re.compile(r" eclipse distribution license (?:version |v ?)?1(?:\.0)? "), "BSD-3-Clause", 0.88),
    (
        re.compile(r" common development and distribution license (?:cddl )?(?:version |v ?)?(?P<v>1\.[01]) "),
        lambda m: f"CDDL-{m['v']}",
        0.92,
    ),
    (re.compile(r" academic free license (?:version |v ?)?(?P<v>[123]\.[0-9]) "), lambda m: f"AFL-{m['v']}", 0.92),
    (re.compile(r" artistic license (?:version |v ?)?2(?:\.0)? "), "Artistic-2.0", 0.9),
    (re.compile(r" eupl (?:version |v ?)?(?P<v>1\.[012]) "), lambda m: f"EUPL-{m['v']}", 0.88),
)

_PERL = re.compile(
    r" (?:under )?the same (?:terms|license) (?:as|of) (?:the )?perl(?: ?5)?(?: itself| programming| system)? "
)
_ARTISTIC = re.compile(r" artistic license ")
_PUBLIC_DOMAIN = re.compile(
    r" (?:(?:is|are|was|were|been|placed|put|released|dedicated|donated|contributed|code|file|into|to|in|as|it|this) )"
    r"(?:hereby )?(?:in |into |on |to |as )?(?:the )?public domain "
    r"|^ (?:only )?(?:the )?public domain |(?:by|author|rights) \S+ \S+ (?:\S+ )?public domain | public domain $"
)
_NOT_PUBLIC_DOMAIN = re.compile(r"(?: not | n t | isn t | neither )(?:\w+ ){0,3}$")


# --- GNU notices ------------------------------------------------------------------------------------------------------

_LATER = (
    r"(?P<later> or(?: at your (?:option|choice)| \S+ your option)?(?: any)? (?:later|newer|above|higher|greater)"
    r"(?: version)?| and (?:any )?later| or newer| or above)"
)
_GNU_NAME = (
    r"(?:(?:gnu |the )?(?P<fam>(?:affero|lesser|library|lesser library|library lesser|"
    r"library or lesser|lesser or library) )?general public licenses?|(?:gnu )?(?P<abbr>agpl|lgpl|gpl))"
)
# GNU General Public License ... either version 2 of the License, or (at your option) any later version
_NAME_FIRST = re.compile(
    rf" {_GNU_NAME}(?P<between>(?: (?!general|gpl|lgpl|agpl|lesser|library|affero|¶)[a-z]\S*| [¶]){{0,18}}?) "
    rf"(?:version|versions|ver|v) ?(?P<ver>[123](?:\.[0-9])?)(?:\.0)?(?: dated [a-z]+ [0-9]{{4}})?(?: of the(?: "
    rf"\S+){{0,4}}? license)?"
    rf"(?: as published by the free software foundation)?(?: [¶])?{_LATER}?"
)
# GNU GPL 2 or later; GPL-2+
_NAME_NUMBER = re.compile(rf" {_GNU_NAME} (?P<ver>[123](?:\.[0-9])?)(?: or)?(?P<later>(?<= or) later| and later)? ")
# version 2 (or any later version) of the GNU General Public License
_VERSION_FIRST = re.compile(
    rf" (?:version|v) ?(?P<ver>[123](?:\.[0-9])?)(?: only)?{_LATER}? (?:version )?of the (?:terms of the )?{_GNU_NAME} "
)
_TEXT_IS = re.compile(r" (?:(?:full |complete )?text |is |are |can |may |copy )(?:\S+ ){0,6}?¶where")
_BARE = re.compile(rf" {_GNU_NAME} ")
_GFDL = re.compile(
    rf" (?:gnu )?(?:free documentation license|gfdl|fdl)(?: \S+){{0,8}}? ?(?:version|v)? ?(?P<ver>1\.[123])(?: "
    rf"of the license)?{_LATER}?"
)
_INVARIANT = re.compile(r" (?:with )?no invariant sections ")


def _family(match: re.Match[str]) -> str:
    if match["abbr"]:
        return match["abbr"].upper()
    word = (match["fam"] or "").strip()
    if word == "affero":
        return "AGPL"
    return "LGPL" if word else "GPL"


_VERSIONS = {"GPL": {"1.0", "2.0", "3.0"}, "LGPL": {"2.0", "2.1", "3.0"}, "AGPL": {"3.0"}}

# "On Debian systems, the full text of the GPL version 2 can be found in /usr/share/common-licenses/GPL-2" says where a
# text is, not which versions are granted.
_WHERE = re.compile(
    r" (?:on (?:a )?(?:debian|ubuntu)(?: gnu)?(?: linux)?(?: gnu)?(?: based)? (?:systems?|machines?|distributions?)? ?"
    r"(?:(?!usr share)\S+ ){0,45}?usr share common licenses [a-z]+(?: [0-9](?:\.[0-9])?)?"
    r"|(?:the )?(?:full|complete|entire|whole)? ?(?:text|copy|version|copies) of (?:(?!usr share)\S+ ){1,25}?"
    r"usr share common licenses [a-z]+(?: [0-9](?:\.[0-9])?)?"
    r"|usr share common licenses [a-z]+(?: [0-9](?:\.[0-9])?)?"
    r"|(?:under )?section 7 of (?:the )?(?:gnu )?(?:general public license|gpl) version 3(?: gplv3)?)(?= )"
)


def _gnu_id(family: str, version: str, later: bool) -> str | None:
    number = version if "." in version else f"{version}.0"
    if family == "GPL" and number == "2.1":  # a common slip of the pen: only the LGPL has a 2.1
        family = "LGPL"
    if family == "AGPL":
        number = "3.0"
    if number not in _VERSIONS[family]:
        return None
    return f"{family}-{number}-{'or-later' if later else 'only'}"


def _gnu(norm: str) -> list[Finding]:
    found: dict[str, Finding] = {}

    def add(match: re.Match[str], confidence: float) -> None:
        identifier = _gnu_id(_family(match), match["ver"], match["later"] is not None)
        if identifier is None:
            return
        if identifier not in found or found[identifier].confidence < confidence:
            found[identifier] = Finding(identifier, "notice", confidence, _quote(match[0]))

    for match in _NAME_FIRST.finditer(norm):
        if _TEXT_IS.match(norm, match.end()):
            continue
        add(match, 0.94 if "as published by" in match["between"] or match["later"] else 0.85)
    for match in _VERSION_FIRST.finditer(norm):
        add(match, 0.9)
    for match in _NAME_NUMBER.finditer(norm):
        if not found.keys() & {_gnu_id(_family(match), match["ver"], later) for later in (True, False)}:
            add(match, 0.8)
    for match in _GFDL.finditer(norm):
        middle = "-no-invariants" if _INVARIANT.search(norm[match.end() : match.end() + 400]) else ""
        identifier = f"GFDL-{match['ver']}{middle}-{'or-later' if match['later'] else 'only'}"
        found.setdefault(identifier, Finding(identifier, "notice", 0.92, _quote(match[0])))
    return list(found.values())


def _quote(text: str, limit: int = 160) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= limit else f"{flat[: limit - 1]}…"


# --- pointers and SPDX lines, on the text as it stands ----------------------------------------------------------------

_POINTER = re.compile(r"/usr/share/common-licenses/([A-Za-z]+(?:-[0-9]+(?:\.[0-9]+)?)?)", re.IGNORECASE)
_POINTER_IDS = {
    "GPL": "GPL-1.0-or-later",
    "LGPL": "LGPL-2.0-or-later",
    "GFDL": "GFDL-1.1-or-later",
    **_REFERENCE_IDS,
}
_SPDX = re.compile(r"SPDX-License-Identifier:[ \t]*([^\n\r*]{2,200})")


def _spdx(text: str) -> list[Finding]:
    findings = []
    for match in _SPDX.finditer(text):
        for term in parse_expression(match[1].strip(" \t*/#-\"'`>")).terms:
            findings.append(Finding(term.spdx, "spdx", 0.97, _quote(match[0])))
    return findings


def _pointers(text: str, found: Iterable[str]) -> list[Finding]:
    known = {_licence_family(identifier) for identifier in found}
    findings: dict[str, Finding] = {}
    for match in _POINTER.finditer(text):
        identifier = _POINTER_IDS.get(match[1]) or _POINTER_IDS.get(match[1].rstrip("."))
        if identifier and _licence_family(identifier) not in known:
            findings.setdefault(identifier, Finding(identifier, "pointer", 0.6, match[0]))
    return list(findings.values())


def _licence_family(identifier: str) -> str:
    return re.split(r"-(?=[0-9])", identifier, maxsplit=1)[0]


# --- the whole --------------------------------------------------------------------------------------------------------


def _families(norm: str) -> list[Finding]:
    starts: list[tuple[int, int, _Family]] = []
    for family in _FAMILIES:
        starts.extend((m.start(), m.end(), family) for m in family.anchor.finditer(norm))
    starts.sort(key=lambda item: item[0])
    findings: dict[str, Finding] = {}
    for index, (start, _end, family) in enumerate(starts):
        limit = start + family.length
        # The next licence of any family ends this one; NCSA and OpenSSL hold an anchor of another family inside.
        following = [s for s, _, other in starts[index + 1 : index + 4] if other is family or s > start + 900]
        if following:
            limit = min(limit, following[0])
        identifier = family.decide(norm[start:limit])
        if identifier is None:
            continue
        findings.setdefault(
            identifier, Finding(identifier, "full text", family.confidence, _quote(norm[start : start + 150]))
        )
    return list(findings.values())


def find_licences(text: str, directory: Path = COMMON_LICENSES) -> list[Finding]:
    """Every licence that the passage quotes, grants or points to: one finding per identifier and kind."""
    findings = _spdx(text)
    full, norm = _compare(_APPENDIX.sub(" ¶", normalise(text)), directory)
    short = _families(norm)
    seen = {f.id for f in short} | {f.id for f in full}
    quoted = {f.id: f for f in short}
    findings += [
        Finding(f.id, f.kind, max(f.confidence, quoted[f.id].confidence if f.id in quoted else 0), f.detail)
        for f in full
    ]
    findings += [f for f in short if f.id not in {g.id for g in full}]
    if any(" redistribution and use " in f" {f.detail}" for f in short) and not any(
        f.id == "BSD-3-Clause" for f in short
    ):
        findings = [f for f in findings if f.id != "BSD-3-Clause"]  # the 4-clause text holds most of the 3-clause words
    for phrase, identifier, confidence in _PHRASES:
        if identifier not in seen and f" {phrase} " in norm:
            findings.append(Finding(identifier, "full text", confidence, _quote(phrase)))
            seen.add(identifier)
    if any(g.id.startswith("CC-BY") for g in findings) or " attribution " in norm:
        findings = [g for g in findings if g.id != "CC0-1.0" or g.confidence > 0.85]  # CC-BY texts mention CC0
    for pattern, target, confidence in _NAMED:
        for match in pattern.finditer(norm):
            identifier = target if isinstance(target, str) else target(match)
            if identifier not in seen:
                findings.append(Finding(identifier, "notice", confidence, _quote(match[0])))
                seen.add(identifier)
    plain = _WHERE.sub(" ¶where", norm)
    notices = _gnu(plain)
    if "Linux-man-pages-copyleft" in seen:
        findings = [f for f in findings if f.id != "Latex2e"]
    notices = _merge_with_full_texts(notices, findings)
    if _PERL.search(norm):
        notices.append(Finding("GPL-1.0-or-later", "notice", 0.9, "the same terms as Perl itself"))
        notices.append(Finding("Artistic-1.0-Perl", "notice", 0.9, "the same terms as Perl itself"))
    elif _ARTISTIC.search(norm) and not any(f.id.startswith("Artistic") for f in findings):
        notices.append(Finding("Artistic-1.0-Perl", "notice", 0.75, "Artistic License"))
    for match in () if _dedicated(findings) else _PUBLIC_DOMAIN.finditer(norm):
        if not _NOT_PUBLIC_DOMAIN.search(norm[max(0, match.start() - 60) : match.start() + 1]):
            notices.append(Finding("LicenseRef-public-domain", "notice", 0.85, _quote(match[0])))
            break
    findings += notices
    findings += _pointers(text, [f.id for f in findings])
    if not any(re.match(r"(?:A|L)?GPL-", f.id) for f in findings):
        bare = next((m for m in _BARE.finditer(plain) if _grants(plain, m)), None)
        if bare:
            family = _family(bare)
            default = {"GPL": "GPL-1.0-or-later", "LGPL": "LGPL-2.0-or-later", "AGPL": "AGPL-3.0-or-later"}[family]
            findings.append(Finding(default, "pointer", 0.5, _quote(bare[0])))
    return findings


def _grants(norm: str, match: re.Match[str]) -> bool:
    """A bare "GPL" counts only where something is under it; "GPL-compatible" and the like do not."""
    if norm.startswith("compatib", match.end()):
        return False
    return match["abbr"] is None or bool(
        re.search(r" (under|license|licensed|terms) ", norm[max(0, match.start() - 60) : match.start() + 1])
    )


def _dedicated(findings: list[Finding]) -> bool:
    """A text that speaks of the public domain without being a mere dedication to it was found."""
    return any(f.id in {"CC0-1.0", "Unlicense"} or f.id.startswith("CC-BY") for f in findings)


def _merge_with_full_texts(notices: list[Finding], findings: list[Finding]) -> list[Finding]:
    """A notice "version 2 or later" beside the full text of version 2: the text belongs to the notice."""
    for notice in notices:
        if notice.id.endswith("-or-later"):
            only = notice.id.replace("-or-later", "-only").replace("-no-invariants", "")
            for index, finding in enumerate(findings):
                if finding.id == only and finding.kind == "full text":
                    findings[index] = Finding(notice.id, "full text", finding.confidence, finding.detail)
    return notices


_EXCEPTION_PHRASES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"configuration script generated by autoconf"), "Autoconf-exception"),
    (re.compile(r"program or library that is built using gnu libtool"), "Libtool-exception"),
    (re.compile(r"part or all of the bison parser skeleton"), "Bison-exception-2.2"),
    (re.compile(r"gcc runtime library exception"), "GCC-exception-3.1"),
    (
        re.compile(r"linking this library statically or dynamically with other modules is making a combined work"),
        "Classpath-exception-2.0",
    ),
    (re.compile(r"permission to link (?:the code|this program|\S+ \S+)(?: \S+){0,12} openssl"), "openssl-exception"),
    (re.compile(r"unlimited permission to link the compiled version of this file"), "GCC-exception-2.0"),
    (re.compile(r"llvm exceptions to the apache 2.0 license"), "LLVM-exception"),
)


def find_exceptions(text: str) -> list[str]:
    """Licence exceptions spelled out in the passage."""
    norm = normalise(text)
    return [name for pattern, name in _EXCEPTION_PHRASES if pattern.search(norm)]
