from featkit.core.progress import note, reporting_to, task, track


class Recorder:
    def __init__(self):
        self.events = []

    def start(self, description, total):
        self.events.append(("start", description, total))
        return 7

    def advance(self, task, steps):
        self.events.append(("advance", task, steps))

    def finish(self, task):
        self.events.append(("finish", task))

    def note(self, message):
        self.events.append(("note", message))


def test_a_reporter_sees_start_steps_and_end_even_after_an_error():
    recorder = Recorder()
    with reporting_to(recorder):
        assert list(track([1, 2], "Reading")) == [1, 2]
        note("half way")
        try:
            with task("Failing", 3) as done:
                done(2)
                raise KeyError
        except KeyError:
            pass
    note("nobody listens")
    assert recorder.events == [
        ("start", "Reading", 2),
        ("advance", 7, 1),
        ("advance", 7, 1),
        ("finish", 7),
        ("note", "half way"),
        ("start", "Failing", 3),
        ("advance", 7, 2),
        ("finish", 7),
    ]


def test_silent_by_default(capsys):
    assert list(track(iter("ab"), "Quiet")) == ["a", "b"]
    assert capsys.readouterr() == ("", "")
