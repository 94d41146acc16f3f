"""Licence recognition for the demo's LegalModule: names, texts, holders and years of one document."""

from .audit import MAX_BYTES, RECOGNISER_VERSION, Audit, InvalidDocumentError, Progress

__all__ = ["MAX_BYTES", "RECOGNISER_VERSION", "Audit", "InvalidDocumentError", "Progress"]
