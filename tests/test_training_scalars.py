import json

from ethnicmer_jax.training.scalars import ScalarLog


def lines(folder):
    return [json.loads(line) for line in (folder / "scalars.jsonl").read_text().splitlines()]


def test_one_line_per_epoch_and_flight(tmp_path):
    log = ScalarLog(tmp_path, {})
    log.write("loso/a", "loso", 1, {"loss": 1.5})
    log.write("loso/a", "loso", 2, {"loss": 0.5})
    log.write("mixed/b", None, 1, {"loss": 2.0})
    log.close()
    assert lines(tmp_path) == [
        {"flight": "loso/a", "run": "loso", "epoch": 1, "loss": 1.5},
        {"flight": "loso/a", "run": "loso", "epoch": 2, "loss": 0.5},
        {"flight": "mixed/b", "run": None, "epoch": 1, "loss": 2.0},
    ]
    assert list((tmp_path / "tensorboard").glob("events.*"))


def test_a_flight_trained_again_replaces_its_lines(tmp_path):
    log = ScalarLog(tmp_path, {})
    log.write("done", "r", 1, {"loss": 1.0})
    log.write("cut off", "r", 1, {"loss": 2.0})
    log.close()
    with (tmp_path / "scalars.jsonl").open("a") as file:
        file.write('{"flight": "cut o')
    again = ScalarLog(tmp_path, {"done": 1})
    again.write("cut off", "r", 1, {"loss": 3.0})
    again.close()
    assert [(line["flight"], line["loss"]) for line in lines(tmp_path)] == [
        ("done", 1.0),
        ("cut off", 3.0),
    ]


def test_epochs_that_a_checkpoint_holds_are_kept(tmp_path):
    log = ScalarLog(tmp_path / "new", {})
    for epoch in (1, 2, 3):
        log.write("a", "r", epoch, {"loss": 1.0})
    log.close()
    ScalarLog(tmp_path / "new", {"a": 2}).close()
    assert [line["epoch"] for line in lines(tmp_path / "new")] == [1, 2]
