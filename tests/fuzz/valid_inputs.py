"""Valid requests, files and events, from which the inputs of the fuzz tests are made."""

from typing import Any

ROLE = "arn:aws:iam::111122223333:role/deploy"

REQUESTS: list[dict[str, Any]] = [
    {"asg": "web", "launch-template": "web:7", "concurrent": "25%", "launch-first": True, "min-healthy-time": 30},
    {
        "target_group": ["web", "api"],
        "launch_template": "web:$Latest",
        "max_unavailable": 1,
        "max_surge": "10%",
        "checkpoint": [1, "50%"],
        "checkpoint_delay": "10m",
        "approve_checkpoints": True,
        "approval_timeout": "2h",
        "bake_time": 300,
        "alarm": "web-5xx",
        "windows": [{"cron": "0 9 * * MON-FRI", "duration": "8h", "time-zone": "Europe/Zurich"}],
        "freezes": [{"start": "2026-12-20", "end": "2027-01-04T08:00", "name": "x"}, {"calendar": "prod"}],
        "override_freeze": "a hole",
        "poll": 0.5,
    },
    {
        "asg": "web",
        "strategy": "reload",
        "document": "Deploy",
        "parameter": {"Mode": "fast", "Steps": [1, 2]},
        "app-version": "2.4",
        "on-failure": "pause",
        "max-failures": 2,
    },
    {
        "asg": "web",
        "strategy": "double-half",
        "keep_old": True,
        "deregistration-delay": 20,
        "protected": "ignore",
        "standby": "replace",
        "warm_pool": "purge",
        "strict": False,
        "hooks": [
            {"point": "after_healthy", "command": ["./smoke", "all"], "timeout": "90s", "name": "smoke"},
            {"point": "after_drain", "script": ["systemctl stop web"]},
            {"point": "at_checkpoint", "function": "check"},
        ],
    },
]

FLEETS: list[dict[str, Any]] = [
    {
        "defaults": {"strategy": "replace", "concurrent": "25%", "region": "eu-west-1"},
        "waves": [
            {"name": "canary", "fleets": [{"asg": "web", "launch-template": "web:7"}]},
            {
                "concurrency": 2,
                "tolerated-failures": "50%",
                "fleets": [
                    {"asg": "web", "region": "eu-west-2", "role": ROLE, "external-id": "shared", "concurrent": None},
                    {"name": "api", "target-group": ["api", "admin"], "launch-template": "api:3", "max_surge": 1},
                ],
            },
        ],
    },
    {"waves": [{"fleets": [{"asg": f"web-{number}", "bake-time": "5m"} for number in range(5)]}]},
]

EVENTS: dict[str, list[Any]] = {
    "prepare": [
        {"request": REQUESTS[0], "rollout_id": "web-7", "execution_started_at": "2026-01-01T00:00:00Z"},
        {"request": REQUESTS[3], "region": "eu-west-1", "role": ROLE, "external_id": "shared", "wave": ["a", "b"]},
    ],
    "reconcile": [{"rollout_id": "web-1", "steps": 3}, {"rollout_id": "unknown"}],
    "control": [
        *({"rollout_id": "web-1", "action": action} for action in ("pause", "resume", "approve", "reject", "abort")),
        {"rollout_id": "web-1", "action": "await", "task_token": "token"},
    ],
    "plan_waves": [{"name": "deploy-1", "fleets": fleets} for fleets in FLEETS],
    "judge_wave": [
        {
            "tolerated_failures": 1,
            "results": [
                {"rollout_id": "a", "outcome": "succeeded"},
                {"rollout_id": "b", "outcome": "x", "reason": "y"},
            ],
        }
    ],
    "keep": [{"fleets": {"waves": [{"fleets": [{"asg": "web", "launch-template": "web", "max-age-days": 30}]}]}}],
    "watch_waves": [
        {
            "action": action,
            "name": "deploy-1",
            "started_at": "2026-12-01T10:00:00.000Z",
            "waves": [
                {
                    "name": "one",
                    "concurrency": 1,
                    "bake_seconds": 60,
                    "alarms": ["web-errors"],
                    "on_failure": "rollback-all",
                    "fleets": [{"name": "web", "rollout_id": "web-1", "request": {"asg": "web"}}],
                }
            ],
            "index": 0,
            "turn": 1,
            "results": [{"rollout_id": "web-1", "outcome": "succeeded"}] if action == "judge" else [],
        }
        for action in ("check", "watch", "ended", "judge")
    ],
    "deregister_targets": [{"rollout_id": "web-1", "asg": "web", "instance_ids": ["i-1", "i-2"]}],
    "check_drained": [{"rollout_id": "web-1", "target_group": ["web"], "instance_ids": ["i-1"]}],
    "terminate_and_launch": [
        {
            "rollout_id": "web-1",
            "target_group": ["web"],
            "instance_ids": ["i-1"],
            "launch_template": "web:7",
            "targets": [{"instance_id": "i-1", "target_group": "arn:web", "port": 80}],
        }
    ],
    "check_healthy": [{"rollout_id": "web-1", "asg": "web", "at_least": 2, "launch_template": "web:7"}],
    "double_group": [{"rollout_id": "web-1", "asg": "web"}],
    "retire_old_half": [{"rollout_id": "web-1", "asg": "web", "instance_ids": ["i-1"]}],
    "reload_instances": [{"rollout_id": "web-1", "asg": "web", "instance_ids": ["i-1"], "command": ["restart"]}],
}
