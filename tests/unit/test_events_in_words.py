"""Events as readable lines."""

from awsroll.events import in_words


def test_a_start_names_versions_as_people_do_and_an_end_says_no_outcome_before_there_is_one() -> None:
    versions = {"from_version": "lt-1:1", "to_version": "lt-1:3", "from_name": "web:1", "to_name": "web:3"}
    created = {"rollout_id": "web-1", "fleet": "web", "strategy": "replace", **versions}

    assert in_words("rollout.created", created) == (
        "rollout created: web-1, fleet web, strategy replace, versions web:1 -> web:3"
    )
    assert in_words("rollout.completing", {"outcome": "running", "reason": ""}) == "rollout completing"
    assert in_words("rollout.ended", {"outcome": "succeeded"}) == "rollout ended: outcome succeeded"
