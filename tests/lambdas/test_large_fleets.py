"""A fleet that AWS takes longer to launch than a Lambda function may run: step by step, all the same."""

from pathlib import Path

from tests.lambdas.driven import machine

_SERVERS = 50
_STEP_SECONDS = 20


def test_a_step_is_short_although_all_servers_are_launched_at_once(tmp_path: Path) -> None:
    with machine(tmp_path, grouped=False, servers=_SERVERS) as driven:
        clock = driven.rolling.clock
        driven.prepare(driven.request(strategy="double-half"))
        took = []
        while not driven.answers[-1]["done"]:
            begun = clock.monotonic()
            answer = driven.reconcile()
            took.append(clock.monotonic() - begun)
            clock.sleep(answer["wait_seconds"])

        assert driven.answers[-1]["outcome"] == "succeeded"
        assert driven.rolling.serving_versions() == {"v2": _SERVERS}
        assert len(driven.rolling.running()) == _SERVERS
        assert max(took) < _STEP_SECONDS
