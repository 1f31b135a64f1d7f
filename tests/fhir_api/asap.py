"""A few ASAP 4.2B files: what two pharmacies report about four people.

Loretta Fenwick has six fills of the last year, one before it and one that was voided. Two men are called
Marcus Bell and were born on the same day. Ada Quill had one fill, long ago.
"""

from __future__ import annotations

from typing import Any

from gateway.ingest.run import ingest_file
from gateway.services import Services

OXYCODONE = "10702005601"
ALPRAZOLAM = "00228203110"
OXYCODONE_RXCUI = "1049683"

_HEAD = (
    "TH*4.2B*{number}*01**20261119*081500*P**~~\n"
    "IS*5025550199*Bluegrass Test Data Exchange~\n"
    "PHA*1999000031*1890032*FN9000035*Nicholasville Road Drug*2350 Elm St**Lexington*KY*40503*8595550102~\n"
)
_FENWICK = (
    "PAT**07*999700101****Fenwick*Loretta****18 Quarry Lane**Lexington*KY*40503*8595553509*19680411*F*01*01~"
)
_BELLS = (
    "PAT**07*999700201****Bell*Marcus****4 Mill Street**Paris*KY*40361*8595553601*19710805*M*01*01~",
    "PAT**07*999700202****Bell*Marcus****77 Oak Avenue**Berea*KY*40403*8595553602*19710805*M*01*01~",
)
_QUILL = "PAT**07*999700301****Quill*Ada****9 Church Road**Paris*KY*40361*8595553701*19550102*F*01*01~"
CREECH = "PRE*1999500006*BC9500009**KY50000*Creech*Harlan**8595554000**KY~"
_TACKETT = "PRE*1999500014*BT9500011**KY50001*Tackett*Imogen**6065554001**KY~"


def load(services: Services) -> None:
    """Report everything."""
    first = [
        _FENWICK,
        *fill("5010001", "20260905", OXYCODONE, 120, CREECH),
        *fill("5010002", "20261005", OXYCODONE, 120, CREECH),
        *fill("5010003", "20261104", OXYCODONE, 120, CREECH),
        *fill("5010004", "20261020", ALPRAZOLAM, 60, _TACKETT),
        *fill("5010005", "20261117", ALPRAZOLAM, 60, _TACKETT),
        # Filled on the same day as another: ties go by id. Not sold when it was reported.
        *fill("5010006", "20261104", ALPRAZOLAM, 60, _TACKETT, sold=""),
        *fill("5010007", "20250905", OXYCODONE, 120, CREECH),
        *fill("5010008", "20260801", OXYCODONE, 120, CREECH),
        _BELLS[0],
        *fill("5010020", "20261001", OXYCODONE, 30, CREECH),
        _BELLS[1],
        *fill("5010021", "20261002", OXYCODONE, 30, CREECH),
        _QUILL,
        *fill("5010030", "20200102", OXYCODONE, 30, CREECH),
    ]
    second = [_FENWICK, *fill("5010008", "20260801", OXYCODONE, 120, CREECH, status="02")]
    for number, segments in (("A-1", first), ("A-2", second)):
        answer = report(services, number, segments)
        assert answer["status"] == "accepted", answer


def report(services: Services, number: str, segments: list[str]) -> dict[str, Any]:
    """Report `segments` of one pharmacy in a file of their own, and return ingest's answer."""
    return ingest_file(
        services.database,
        services.clock,
        services.vault,
        services.mappings,
        services.settings,
        _file(number, segments).encode(),
        f"{number}.asap",
    )


def fill(
    rx: str,
    filled: str,
    ndc: str,
    quantity: int,
    prescriber: str,
    *,
    status: str = "00",
    sold: str | None = None,
) -> tuple[str, str]:
    """Return the segments of one dispensing; `sold` is the day of filling unless given."""
    rxcui = OXYCODONE_RXCUI if ndc == OXYCODONE else "197321"
    sold = filled if sold is None else sold
    return (
        f"DSP*{status}*{rx}*{filled}*0*{filled}*0*01*{ndc}*{quantity}*30*01*05*00***04*{sold}*01*{rxcui}"
        f"***{quantity}*TAKE AS DIRECTED~",
        prescriber,
    )


def _file(number: str, segments: list[str]) -> str:
    body = _HEAD.format(number=number) + "\n".join(segments) + "\n"
    inside = body.count("~\n") - 1  # from PHA to TP itself, without TH and IS
    closed = f"{body}TP*{inside}~\n"
    return f"{closed}TT*{number}*{closed.count(chr(10)) + 1}~\n"
