"""A plan for other programs."""

from __future__ import annotations

import json
from typing import Any

from sixgig.forecast.answer import Answer
from sixgig.forecast.base import JobCost, JobKey
from sixgig.forecast.needed import StudyJob
from sixgig.forecast.overview import Row
from sixgig.forecast.reasons import reason_lines, sentence
from sixgig.forecast.schedule import Slot

#: Version of the layout; grows when a key goes or changes its meaning.
FORMAT = 1


def as_json(answer: Answer) -> str:
    """Return a plan as JSON: times in seconds, sizes in MiB, moments in ISO 8601 with their zone."""
    return json.dumps(as_dict(answer), indent=2, ensure_ascii=False)


def as_dict(answer: Answer) -> dict[str, Any]:
    """Return what :func:`as_json` writes."""
    overview = answer.overview
    return {
        "format": FORMAT,
        "study": answer.study,
        "title": answer.title,
        "file": answer.file,
        "machine": answer.machine,
        "device": answer.device or None,
        "cores": answer.cores,
        "planned": answer.now.isoformat(timespec="seconds"),
        "finish": answer.finish.isoformat(timespec="seconds"),
        "seconds": round(answer.seconds, 1),
        "fits": answer.fits,
        "problems": [vars(problem) for problem in answer.problems],
        "rooms": [vars(room) for room in answer.rooms],
        "total": _row(overview.total),
        "rows": [_row(row) for row in overview.rows],
        "critical_path": {
            "seconds": round(answer.schedule.critical_seconds, 1),
            "jobs": [_key(key) for key in answer.schedule.critical_path],
        },
        "reasons": [
            {"reason": text, "rows": rows, "jobs": number}
            for text, rows, number in reason_lines(answer.jobs, overview.row_of)
        ],
        "jobs": [_job(job, answer.costs.get(job.key), answer.schedule.slots.get(job.key)) for job in answer.jobs],
        "expected": [vars(line) for line in answer.expected],
        "notes": list(answer.notes),
        "assumptions": list(answer.assumptions),
    }


def _key(key: JobKey) -> dict[str, str]:
    return {"rule": key.rule, "name": key.name}


def _row(row: Row) -> dict[str, Any]:
    return {
        "name": row.name,
        "title": row.title,
        "stage": row.stage,
        "jobs": len(row.jobs),
        "jobs_needed": row.n_needed,
        "seconds": round(row.seconds, 1),
        "vram_mb": round(row.vram_mb, 1),
        "rss_mb": round(row.rss_mb, 1),
        "disk_mb": round(row.disk_mb, 1),
        "download_mb": round(row.download_mb, 1),
        "batch_size": row.batch_size,
        "why": row.why,
    }


def _job(job: StudyJob, cost: JobCost | None, slot: Slot | None) -> dict[str, Any]:
    return {
        **_key(job.key),
        "stage": job.stage,
        "wildcards": dict(job.wildcards),
        "needed": job.needed,
        "running": job.running is not None,
        "reasons": [
            {"kind": reason.kind, "sentence": sentence(reason), "details": list(reason.details)}
            for reason in job.reasons
        ],
        "after": [_key(key) for key in job.after],
        "start": None if slot is None else round(slot.start, 1),
        "cost": None if cost is None else vars(cost),
    }
