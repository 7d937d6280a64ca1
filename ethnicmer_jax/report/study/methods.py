"""How a study's numbers were made, in words."""

from __future__ import annotations

from ethnicmer_jax.report.document import Prose, Section

_PARAGRAPHS = (
    "Every prediction is of a clip whose subject took no part in training the model that made "
    "it. Scores are computed once from all test predictions of a run (pooled), never averaged "
    "over folds, and then averaged over draws of subjects and seeds. UF1 is the unweighted mean "
    "of the F1 scores of the classes.",
    "A draw takes equally many subjects of each side and thins their clips until every arm has "
    "the same number of each class. mono: leave-one-subject-out within one side. stereo: the "
    "same in a mixture of halves. X_to_Y: trained on side X less one subject, tested on side Y, "
    "so that the training sets of a column of the matrix have one size.",
    "Intervals come from resampling whole subjects with replacement, the same ones in every arm, "
    "draw and seed that tests them, because clips of one subject are not independent; they are "
    "percentile intervals expanded for the number of subjects (Hesterberg 2015). They speak "
    "about other test subjects for models as trained; drawing the training subjects many times "
    "averages over who was trained on. p values are those of the same bootstrap.",
    "The own-group advantage is the mean over both sides of the score with models of the own "
    "side minus the score with models of the other. Its variance is doubled: two people meet "
    "twice in cross-validation, once each as teacher and as test, and resampling those who are "
    "tested sees only half of what their chance likeness does to the estimate.",
    "The own-group advantage is the one main question and is tested at 5%. Every other "
    "difference and test stands in one family under Holm's correction; intervals in the "
    "conclusion about arms are widened to hold jointly (Bonferroni). The smallest detectable "
    "effect is the one that a test of this standard error finds with 80% power.",
    "A difference counts as separable from database only if it also shows within one database "
    "(or on average within several), on the same side of 0. Placebo groups are random halves of "
    "the real groups within databases: their advantage, draw by draw, is what chance gives. "
    "Labels with errors put random subjects on the wrong side; other groupings count Indian and "
    "Others differently; a claim must survive both. Databases as groups measure how large an "
    "advantage recording conditions alone give.",
    "In the pooled leave-one-subject-out one model tests both groups. Their difference in UF1 is "
    "tested by permuting the group of subjects within databases, and recognition by a logistic "
    "model of group, class and database with clips clustered in subjects (generalised estimating "
    "equations, exchangeable correlation, bias-reduced covariance, Student's t).",
    "Action Units: prevalence within each emotion is compared by permuting the group of subjects "
    "within databases, with Holm's correction over all of them; Fisher's exact test, which takes "
    "clips as independent, is shown because earlier work used it.",
)


def section() -> Section:
    """The methods paragraph of a study."""
    return Section("methods", "Methods", [Prose(_PARAGRAPHS)])
