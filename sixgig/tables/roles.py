"""Who is who in splits.csv: the roles of subjects, and whom an arm or a classifier may see."""

from __future__ import annotations

import pandas as pd

from sixgig.errors import ConfigError

PRETRAINING, EVALUATION, TEST = "pretraining", "evaluation", "test"
ROLES = (PRETRAINING, EVALUATION, TEST)
SCOPES = ("inductive", "transductive")


def pretraining_subjects(splits: pd.DataFrame, scope: str) -> list[str]:
    """Return the subjects whose images an arm may learn from, sorted.

    Args:
        splits: Rows of splits.csv.
        scope: ``inductive``: role pretraining only. ``transductive``: the evaluation
            subjects too, without their labels. Never those with the role test.

    Raises:
        ConfigError: The scope is unknown.
    """
    check_scope(scope)
    roles = (PRETRAINING, EVALUATION) if scope == "transductive" else (PRETRAINING,)
    allowed = splits[splits["role"].isin(roles)]
    return sorted(allowed["subject_id"].astype(str).unique())


def evaluation_subjects(splits: pd.DataFrame) -> list[str]:
    """Return the subjects that every arm is evaluated on, sorted."""
    return sorted(splits.loc[splits["role"] == EVALUATION, "subject_id"].astype(str).unique())


def held_out_fold(splits: pd.DataFrame) -> pd.DataFrame:
    """Return splits of one fold that tests the subjects with the role test after training on all evaluation subjects.

    Returns:
        Rows of splits.csv, of one repeat: fold 0 holds the test subjects and fold 1 the evaluation subjects, all with
        the role evaluation. No row when the cohort has no test subjects.
    """
    chosen = splits[splits["role"].isin((EVALUATION, TEST))].drop_duplicates("subject_id")
    is_test = chosen["role"] == TEST
    if not is_test.any():
        return chosen.iloc[:0]
    return chosen.assign(role=EVALUATION, repeat=0, fold=(~is_test).astype(int)).reset_index(drop=True)


def check_scope(scope: str) -> None:
    """Check the name of a scope.

    Raises:
        ConfigError: It is unknown.
    """
    if scope not in SCOPES:
        raise ConfigError("scope", f"is {scope!r}", f"write {' or '.join(SCOPES)}")
