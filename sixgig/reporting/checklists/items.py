"""Items of two reporting guidelines: their numbers, what they are about in our words, and which answer fits.

The words are ours, and short; the guidelines' own stand in Collins et al., BMJ 385:e078378, 2024 (TRIPOD+AI) and in
Tejani et al., Radiology: Artificial Intelligence 6(4):e240300, 2024 (CLAIM). An item without an answer is for the
authors.
"""

from __future__ import annotations

from typing import NamedTuple


class Item(NamedTuple):
    """One item.

    Attributes:
        number: Its number in the guideline.
        topic: What it is about.
        answer: Function of ``sixgig.reporting.checklists.answers`` that answers it; empty for the authors.
    """

    number: str
    topic: str
    answer: str = ""


TRIPOD_AI = (
    Item("1", "Title"),
    Item("2", "Abstract"),
    Item("3a", "Clinical context and reasons"),
    Item("3b", "Intended users and population"),
    Item("3c", "Known health inequalities"),
    Item("4", "Aims of the study", "aims"),
    Item("5a", "Sources of data", "sources"),
    Item("5b", "Dates of the data"),
    Item("6a", "Setting and centres", "groups"),
    Item("6b", "Who could take part", "left_out"),
    Item("6c", "Treatments received"),
    Item("7", "Preparation of the data", "preparation"),
    Item("8a", "Outcome that is predicted", "outcome"),
    Item("8b", "Who assessed the outcome"),
    Item("8c", "Blinding of those who assessed the outcome"),
    Item("9a", "Choice of predictors", "predictors"),
    Item("9b", "Definition of predictors", "predictors"),
    Item("9c", "Who assessed the predictors"),
    Item("10", "Sample size", "sample_size"),
    Item("11", "Missing data", "left_out"),
    Item("12a", "Use of the data for development and evaluation", "split"),
    Item("12b", "Handling of predictors", "predictors"),
    Item("12c", "Type of model, how it was built and validated inside", "model"),
    Item("12d", "Differences between centres", "groups"),
    Item("12e", "Measures of performance", "measures"),
    Item("12f", "Updating of the model", "updating"),
    Item("12g", "How predictions were computed", "computed"),
    Item("13", "Unequal classes", "imbalance"),
    Item("14", "Fairness", "groups"),
    Item("15", "Output of the model and thresholds", "output"),
    Item("16", "Differences between training and evaluation data", "test_data"),
    Item("17", "Ethics approval and consent"),
    Item("18a", "Funding"),
    Item("18b", "Conflicts of interest"),
    Item("18c", "Protocol"),
    Item("18d", "Registration"),
    Item("18e", "Availability of data", "sources"),
    Item("18f", "Availability of code", "code"),
    Item("19", "Part of patients and the public"),
    Item("20a", "Flow of participants", "flow"),
    Item("20b", "Characteristics of participants", "outcome"),
    Item("20c", "Participants of development and evaluation compared", "test_data"),
    Item("21", "Participants and events in each analysis", "flow"),
    Item("22", "The full model", "computed"),
    Item("23a", "Performance with intervals", "performance"),
    Item("23b", "Performance by centre", "groups"),
    Item("24", "Results of updating", "updating"),
    Item("25", "Interpretation", "interpretation"),
    Item("26", "Limitations", "limits"),
    Item("27a", "Inputs of poor quality when used"),
    Item("27b", "What users have to do and know"),
    Item("27c", "Next steps"),
)

CLAIM = (
    Item("1", "Title"),
    Item("2", "Abstract"),
    Item("3", "Clinical context and reasons"),
    Item("4", "Aims of the study", "aims"),
    Item("5", "Prospective or retrospective"),
    Item("6", "Goal of the study", "aims"),
    Item("7", "Sources of data", "sources"),
    Item("8", "Who could take part", "left_out"),
    Item("9", "Preparation of the data", "preparation"),
    Item("10", "Choice of parts of the data", "flow"),
    Item("11", "Removal of names", "names"),
    Item("12", "Missing data", "left_out"),
    Item("13", "Acquisition of the images"),
    Item("14", "How the reference standard was obtained", "outcome"),
    Item("15", "Why this reference standard"),
    Item("16", "Who annotated"),
    Item("17", "Annotation of the test set"),
    Item("18", "Agreement between annotators"),
    Item("19", "How data were divided", "split"),
    Item("20", "Level at which the parts are apart", "split"),
    Item("21", "Sample size", "sample_size"),
    Item("22", "The full model", "model"),
    Item("23", "Software", "code"),
    Item("24", "Starting values of the model", "weights"),
    Item("25", "Training", "training"),
    Item("26", "Choice of the final model", "chosen"),
    Item("27", "Ensembles", "ensembles"),
    Item("28", "Measures of performance", "measures"),
    Item("29", "Uncertainty and tests", "tests"),
    Item("30", "Robustness", "robustness"),
    Item("31", "Explanation of predictions"),
    Item("32", "Evaluation on internal data", "split"),
    Item("33", "Testing on external data", "test_data"),
    Item("34", "Registration"),
    Item("35", "Flow of participants", "flow"),
    Item("36", "Characteristics of participants", "outcome"),
    Item("37", "Performance with intervals", "performance"),
    Item("38", "Diagnostic accuracy with intervals", "accuracy"),
    Item("39", "Cases that the model gets wrong", "errors"),
    Item("40", "Limitations", "limits"),
    Item("41", "Meaning for practice"),
    Item("42", "Protocol"),
    Item("43", "Availability of code", "code"),
    Item("44", "Funding"),
)
