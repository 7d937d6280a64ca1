"""The trained models of a work directory on clips: who may be predicted by which, and how.

    trained = inference.open(workdir)
    members, note = trained.choose("samm/006")
    table = trained.predict(dataset)

    members   the models of a work directory, and who taught each of them
    expected  what may be expected of them on people that they have not seen
    trained   `Trained`: probabilities and features of clips
    labels    the labels of new clips, as models want them
    shallow   svm and logistic regression, fitted anew when they are used

Clips of the database and new ones take one way, the evaluation of the engine, so that the same
pixels have the same probabilities as in predictions.csv, bit for bit.
"""

from ethnicmer_jax.inference.expected import Expected
from ethnicmer_jax.inference.members import Choice, Member
from ethnicmer_jax.inference.trained import Trained, open

__all__ = ["Choice", "Expected", "Member", "Trained", "open"]
