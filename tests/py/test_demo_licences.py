"""The licence recogniser of the demo, on documents written for these tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from capataz.demo.documents import find_documents, make_bad_documents, robot_request
from capataz.demo.licences import MAX_BYTES, Audit, InvalidDocumentError
from capataz.demo.licences.holders import Holder, collapse_years, field_holders, prose_holders
from capataz.demo.licences.names import Certainty, parse_expression, parse_name
from capataz.demo.licences.texts import COMMON_LICENSES, find_exceptions, find_licences, normalise

NOWHERE = Path("/nonexistent/common-licenses")

GPL2_PLUS = """
This program is free software; you can redistribute it and/or modify it under the terms of the GNU General Public
License as published by the Free Software Foundation; either version 2 of the License, or (at your option) any later
version.
"""
DEBIAN_POINTER = """
On Debian systems, the full text of the GNU General Public License version 2 can be found in the file
`/usr/share/common-licenses/GPL-2'.
"""
MIT_GRANT = """
Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, subject to the following conditions:
The above copyright notice and this permission notice shall be included in all copies of the Software.
THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND.
"""
BSD_HEAD = """
Redistribution and use in source and binary forms, with or without modification, are permitted provided that:
1. Redistributions of source code must retain the above copyright notice.
2. Redistributions in binary form must reproduce the above copyright notice.
"""
BSD_ADVERTISING = "3. All advertising materials mentioning features of this software must display an acknowledgement.\n"
BSD_ENDORSE = "4. Neither the name of the author nor the names of its contributors may be used to endorse products.\n"
BSD_END = 'THIS SOFTWARE IS PROVIDED "AS IS" ... EVEN IF ADVISED OF THE POSSIBILITY OF SUCH DAMAGE.\n'
ISC = """
Permission to use, copy, modify, and/or distribute this software for any purpose with or without fee is hereby granted,
provided that the above copyright notice and this permission notice appear in all copies.
"""


def ids(text: str, directory: Path = NOWHERE) -> set[str]:
    return {finding.id for finding in find_licences(text, directory)}


def run(path: Path, content: str | bytes, **options: Any) -> dict[str, Any]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    audit = Audit(path, **options)
    audit.open()
    audit.validate()
    audit.recognise()
    return audit.conclude()


# --- names


@pytest.mark.parametrize(
    ("name", "spdx"),
    [
        ("GPL-2+", "GPL-2.0-or-later"),
        ("GPL-2", "GPL-2.0-only"),
        ("GPL-2.0+", "GPL-2.0-or-later"),
        ("GPLv3+", "GPL-3.0-or-later"),
        ("GPL-3.0-or-later", "GPL-3.0-or-later"),
        ("LGPL-2.1+", "LGPL-2.1-or-later"),
        ("LPGL-2.1+", "LGPL-2.1-or-later"),  # a slip of the pen that exists
        ("AGPL-3", "AGPL-3.0-only"),
        ("GPL", "GPL-1.0-or-later"),
        ("GFDL-NIV-1.3+", "GFDL-1.3-no-invariants-or-later"),
        ("Expat", "MIT"),
        ("MIT/X11", "MIT"),
        ("BSD-3-clause", "BSD-3-Clause"),
        ("BSD3_Google", "BSD-3-Clause"),
        ("BSD-4-Clause-UC", "BSD-4-Clause-UC"),
        ("Apache-2", "Apache-2.0"),
        ("Artistic", "Artistic-1.0-Perl"),
        ("public-domain", "LicenseRef-public-domain"),
        ("Our own words", "LicenseRef-Our-own-words"),
        ("GPL-2+ with Autoconf exception", "GPL-2.0-or-later WITH Autoconf-exception-2.0"),
        ("GPL-3+ with Autoconf exception", "GPL-3.0-or-later WITH Autoconf-exception-3.0"),
        ("GPL-3+-WITH-BISON-EXCEPTION", "GPL-3.0-or-later WITH Bison-exception-2.2"),
        ("Apache-2.0 with LLVM exception", "Apache-2.0 WITH LLVM-exception"),
    ],
)
def test_name_becomes_spdx(name: str, spdx: str) -> None:
    assert parse_name(name).spdx == spdx


@pytest.mark.parametrize(
    ("raw", "spdx"),
    [
        ("GPL-1+ or Artistic", "GPL-1.0-or-later OR Artistic-1.0-Perl"),
        ("GPL-1+ or Artistic, and BSD-3-clause", "(GPL-1.0-or-later OR Artistic-1.0-Perl) AND BSD-3-Clause"),
        ("MIT or Apache-2.0 and Zlib", "MIT OR (Apache-2.0 AND Zlib)"),
        ("(MIT or Apache-2.0) and Zlib", "(MIT OR Apache-2.0) AND Zlib"),
        ("GPL-2 or later", "GPL-2.0-or-later"),
        ("GPL-2+-or-X11", "GPL-2.0-or-later OR X11"),
        ("GPL-2.0-or-later WITH Bison-exception-2.2", "GPL-2.0-or-later WITH Bison-exception-2.2"),
        ("MIT and MIT", "MIT"),
        ("((MIT", "MIT"),
    ],
)
def test_expression_has_the_precedence_of_dep5(raw: str, spdx: str) -> None:
    assert parse_expression(raw).spdx == spdx


@pytest.mark.parametrize("raw", ["", " ", ")", "and", "or or", ", and", "(((", "a" * 5000, "\N{SNOWMAN} and \x00"])
def test_expression_survives_rubbish(raw: str) -> None:
    assert parse_expression(raw).terms


def test_certainty_tells_names_from_guesses() -> None:
    assert parse_name("MIT").certainty is Certainty.EXACT
    assert parse_name("BSD-3-clause-google").certainty is Certainty.VARIANT
    assert parse_name("permissive").certainty is Certainty.UNKNOWN


# --- texts


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (GPL2_PLUS, {"GPL-2.0-or-later"}),
        (GPL2_PLUS.replace("General", "Lesser General").replace("version 2 ", "version 2.1 "), {"LGPL-2.1-or-later"}),
        (GPL2_PLUS.replace("General", "Library General"), {"LGPL-2.0-or-later"}),
        (GPL2_PLUS.split("; either")[0] + "; version 3 of the License.", {"GPL-3.0-only"}),
        (GPL2_PLUS.replace("version 2 of the License", "version 2 dated June, 1991"), {"GPL-2.0-or-later"}),
        ("under version 3 or any later version of the GNU Affero General Public License as", {"AGPL-3.0-or-later"}),
        ("It is distributed under the terms of the GNU GPL 2 or later", {"GPL-2.0-or-later"}),
        (GPL2_PLUS + DEBIAN_POINTER, {"GPL-2.0-or-later"}),  # where the text is says nothing about versions
        (DEBIAN_POINTER, {"GPL-2.0-only"}),
        ("It is not GPL-compatible at all.", set()),
        (MIT_GRANT, {"MIT"}),
        (
            MIT_GRANT + "... OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.\nExcept as contained in this notice, the "
            "name of X shall not be used in advertising.",
            {"X11"},
        ),
        (BSD_HEAD + BSD_END, {"BSD-2-Clause"}),
        (BSD_HEAD + BSD_ENDORSE + BSD_END, {"BSD-3-Clause"}),
        (BSD_HEAD + BSD_ADVERTISING + BSD_ENDORSE + BSD_END, {"BSD-4-Clause"}),
        (BSD_HEAD + BSD_END + "\n" + BSD_HEAD + BSD_ENDORSE + BSD_END, {"BSD-2-Clause", "BSD-3-Clause"}),
        (ISC, {"ISC"}),
        (ISC.split("granted,")[0] + "granted.", {"0BSD"}),
        ("Licensed under the Apache License, Version 2.0 (the", {"Apache-2.0"}),
        ("This Source Code Form is subject to the terms of the Mozilla Public License, v. 2.0.", {"MPL-2.0"}),
        ("/* SPDX-License-Identifier: Apache-2.0 OR MIT */", {"Apache-2.0", "MIT"}),
        ("It may be used under the same terms as Perl itself.", {"GPL-1.0-or-later", "Artistic-1.0-Perl"}),
        ("The author has placed this file in the public domain.", {"LicenseRef-public-domain"}),
        ("This file is not in the public domain.", set()),
        ("See /usr/share/common-licenses/Apache-2.0 for its licence.", {"Apache-2.0"}),
        ("Nothing to see here, move along.", set()),
    ],
)
def test_text_gives_licences(text: str, expected: set[str]) -> None:
    assert ids(text) == expected


def test_line_breaks_comment_marks_and_quotes_do_not_matter() -> None:
    boxed = "\n".join(f" *  {line}   " for line in MIT_GRANT.replace('"', "``").splitlines())
    assert ids(boxed) == {"MIT"}
    assert normalise(" *  The “Licence”, v. 2.0\n *  and-\n *  more ") == " the license v 2.0 and more "


def test_exception_is_found() -> None:
    text = "you may distribute a configuration script generated by Autoconf under terms of your choice"
    assert find_exceptions(text) == ["Autoconf-exception"]


@pytest.mark.skipif(not (COMMON_LICENSES / "GPL-3").exists(), reason="needs /usr/share/common-licenses")
@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("GPL-1", "GPL-1.0-only"),
        ("GPL-2", "GPL-2.0-only"),
        ("GPL-3", "GPL-3.0-only"),
        ("LGPL-2", "LGPL-2.0-only"),
        ("LGPL-2.1", "LGPL-2.1-only"),
        ("LGPL-3", "LGPL-3.0-only"),
        ("Apache-2.0", "Apache-2.0"),
        ("Artistic", "Artistic-1.0-Perl"),
        ("MPL-1.1", "MPL-1.1"),
        ("MPL-2.0", "MPL-2.0"),
        ("GFDL-1.2", "GFDL-1.2-only"),
        ("GFDL-1.3", "GFDL-1.3-only"),
        ("CC0-1.0", "CC0-1.0"),
        ("BSD", "BSD-3-Clause"),
    ],
)
def test_full_text_is_itself_and_nothing_else(file: str, expected: str) -> None:
    path = COMMON_LICENSES / file
    if not path.exists():
        pytest.skip(f"no {path}")
    assert ids(path.read_text("utf-8"), COMMON_LICENSES) == {expected}


@pytest.mark.skipif(not (COMMON_LICENSES / "GPL-2").exists(), reason="needs /usr/share/common-licenses")
def test_notice_beside_the_full_text_decides_about_later_versions() -> None:
    text = GPL2_PLUS + "\n\n" + (COMMON_LICENSES / "GPL-2").read_text("utf-8")
    assert ids(text, COMMON_LICENSES) == {"GPL-2.0-or-later"}


# --- holders and years


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("1997-2003 Ada Lovelace <ada@example.org>", {"Ada Lovelace": "1997-2003"}),
        ("Copyright (C) 1998, 1999, 2001 Free Software\n  Foundation, Inc.",
         {"Free Software Foundation, Inc": "1998-1999, 2001"}),
        ("1984, 1989,\n 1990 Example Ltd", {"Example Ltd": "1984, 1989-1990"}),
        ("© 2004-05, Jo Doe\n2006, Al Roe and others", {"Jo Doe": "2004-2005", "Al Roe": "2006"}),
        ("2015- Jane Roe (JR) <jr@example.org>", {"Jane Roe (JR)": "2015"}),
        ("none", {}),
        ("public-domain", {}),
    ],
)  # fmt: skip
def test_field_gives_holders(field: str, expected: dict[str, str]) -> None:
    holders: dict[str, Holder] = {}
    field_holders(field, holders)
    assert {holder.name: collapse_years(holder.years) for holder in holders.values()} == expected


def test_prose_gives_holders_and_no_licence_words() -> None:
    holders: dict[str, Holder] = {}
    years = prose_holders(
        "The above copyright notice shall be kept.\n"
        "Copyright (c) 2001-2003 The Example Project. All rights reserved.\n"
        "The copyright holders (c) disclaim everything.\n"
        "(C) 1999 Jo Doe <jo@example.org>\n"
        "RFC 2119 of 1997 matters not.\n",
        holders,
    )
    assert [holder.name for holder in holders.values()] == ["The Example Project", "Jo Doe"]
    assert collapse_years(years) == "1999, 2001-2003"


# --- whole documents

DEP5 = f"""Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: example

Files: *
Copyright: 2001-2004 Ada Lovelace <ada@example.org>
License: GPL-2+

Files: lib/*
Copyright: 2010 Example Ltd
License: Expat

Files: contrib/*
Copyright: 2012 Jo Doe
License: permissive

License: GPL-2+
 {GPL2_PLUS.strip().replace(chr(10), chr(10) + " ")}
 .
 {DEBIAN_POINTER.strip().replace(chr(10), chr(10) + " ")}

License: Expat
 {MIT_GRANT.strip().replace(chr(10), chr(10) + " ")}

License: permissive
 {ISC.strip().replace(chr(10), chr(10) + " ")}
"""


def test_machine_readable_document(tmp_path: Path) -> None:
    result = run(tmp_path / "copyright", DEP5)
    found = {item["id"]: item for item in result["licences"]}
    assert set(found) == {"GPL-2.0-or-later", "MIT", "ISC"}  # "permissive" is what its text says
    assert found["GPL-2.0-or-later"]["confidence"] >= 0.95  # name and text agree
    assert {e["kind"] for e in found["MIT"]["evidence"]} == {"declared", "full text"}
    assert result["format"] == "dep-5"
    assert result["discrepancies"] == []
    assert {holder["name"] for holder in result["holders"]} == {"Ada Lovelace", "Example Ltd", "Jo Doe"}
    assert "example.org" not in str(result["holders"])
    assert (result["years"]["first"], result["years"]["last"]) == (2001, 2012)
    assert result["completeness"] == 1.0
    assert 0.9 <= result["confidence"] <= 1


def test_label_that_its_text_contradicts_is_told(tmp_path: Path) -> None:
    result = run(tmp_path / "copyright", DEP5.replace("License: permissive", "License: Zlib"))
    assert [(d["declared"], d["text_reads_as"]) for d in result["discrepancies"]] == [("Zlib", ["ISC"])]
    found = {item["id"]: item["confidence"] for item in result["licences"]}
    assert found["Zlib"] <= 0.7
    assert found["ISC"] <= 0.75


def test_free_text_document(tmp_path: Path) -> None:
    text = f"This package was made by hand.\n\nCopyright (C) 1999-2001 Jo Doe\n{GPL2_PLUS}{DEBIAN_POINTER}"
    result = run(tmp_path / "copyright", text, directory=NOWHERE)
    assert [item["id"] for item in result["licences"]] == ["GPL-2.0-or-later"]
    assert result["format"] == "text"
    assert result["holders"] == [{"name": "Jo Doe", "years": "1999-2001"}]


def test_text_without_any_licence_is_audited_with_no_confidence(tmp_path: Path) -> None:
    result = run(tmp_path / "copyright", "A poem about robots.\n")
    assert result["licences"] == []
    assert result["confidence"] == 0
    assert result["completeness"] == 0
    assert result["missing"]


def test_declaration_of_the_package_counts(tmp_path: Path) -> None:
    result = run(tmp_path / "LICENSE", "Copyright 2020 Jo Doe\n" + MIT_GRANT, declared="MIT")
    (licence,) = result["licences"]
    assert licence["id"] == "MIT"
    assert {e["kind"] for e in licence["evidence"]} == {"declared", "full text"}


@pytest.mark.parametrize(
    ("content", "encoding"),
    [
        (DEP5.encode(), "ascii"),
        (DEP5.replace("Ada", "Adá").encode(), "utf-8"),
        (DEP5.replace("Ada", "Adá").encode("latin-1"), "latin-1"),
        (b"\xef\xbb\xbf" + DEP5.encode(), "utf-8"),
        (DEP5.encode("utf-16"), "utf-16"),
        (DEP5.replace("\n", "\r\n").encode(), "ascii"),
    ],
)
def test_encodings(tmp_path: Path, content: bytes, encoding: str) -> None:
    result = run(tmp_path / "copyright", content)
    assert result["encoding"] == encoding
    assert {item["id"] for item in result["licences"]} == {"GPL-2.0-or-later", "MIT", "ISC"}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b" \n\t\r\n", "empty"),
        (b"\xef\xbb\xbf\n", "empty"),
        (b"\x7fELF\x02\x01\x01\x00" + bytes(range(256)), "binary"),
        (b"text with a \x00 in it", "binary"),
        (b"\x01\x02\x03\x04 too many control characters", "binary"),
        (b"\xff\xfe\x00\xd8\x00", "encoding"),
        (bytes(range(0xA0, 0x100)) * 10, "encoding"),
    ],
)
def test_what_is_no_document_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "copyright"
    path.write_bytes(content)
    audit = Audit(path)
    audit.open()
    with pytest.raises(InvalidDocumentError) as caught:
        audit.validate()
    assert caught.value.reason == reason
    assert caught.value.details["reason"] == reason


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(InvalidDocumentError) as caught:
            Audit(path).open()
        assert caught.value.reason == "unreadable"
    huge = tmp_path / "huge"
    with huge.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(InvalidDocumentError) as caught:
        Audit(huge).open()
    assert caught.value.reason == "too large"


def test_progress_is_reported(tmp_path: Path) -> None:
    path = tmp_path / "copyright"
    path.write_text(DEP5)
    audit = Audit(path)
    audit.open()
    audit.validate()
    seen: list[tuple[int, int]] = []
    audit.recognise(lambda done, total: seen.append((done, total)))
    assert seen
    assert seen[-1][0] == seen[-1][1]


# --- documents of the demo


def test_documents_become_robots(tmp_path: Path) -> None:
    for name, content in (("one", "a"), ("two", "a"), ("three", "b")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "copyright").write_text(content)
    documents, what = find_documents(tmp_path)
    assert [d.name for d in documents] == ["one", "three", "two"]
    assert str(tmp_path) in what
    keys = {d.name: robot_request(d, "run", "LegalModule")["cache_key"] for d in documents}
    assert keys["one"] == keys["two"] != keys["three"]  # the content decides
    assert robot_request(documents[0], "run", "LegalModule", salt=":x")["cache_key"] != keys["one"]
    assert len(find_documents(tmp_path, limit=2)[0]) == 2


def test_without_copyright_files_python_distributions_are_audited(tmp_path: Path) -> None:
    documents, what = find_documents(tmp_path)
    assert documents
    assert "Python" in what
    assert all(d.sha256 for d in documents)


def test_bad_documents_are_the_same_at_every_run(tmp_path: Path) -> None:
    first = make_bad_documents(tmp_path / "a")
    second = make_bad_documents(tmp_path / "b")
    assert [d.sha256 for d in first] == [d.sha256 for d in second]
    assert [d.made for d in first] == ["empty", "binary"]


@pytest.mark.slow
def test_documents_of_this_machine() -> None:
    """Every document of this machine is recognised or refused with a reason, and the results make sense."""
    documents, _ = find_documents()
    results = []
    for document in {d.sha256: d for d in documents}.values():
        audit = Audit(document.path, declared=document.declared)
        try:
            audit.open()
            audit.validate()
        except InvalidDocumentError:
            continue
        audit.recognise()
        results.append(audit.conclude())
    assert results
    for result in results:
        assert 0 <= result["confidence"] <= 1
        assert 0 <= result["completeness"] <= 1
        assert all(0 < item["confidence"] <= 1 and item["evidence"] for item in result["licences"])
    with_licences = sum(bool(result["licences"]) for result in results)
    assert with_licences >= 0.9 * len(results)
