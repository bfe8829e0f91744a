"""Settings as installations of upstream's compose files have them, and what is said about them: file -> (config.json, lines)."""

REAL = {
    "cloud": (
        {
            "coreservice_ip": "192.0.2.10",
            "worker": {"container_autoremove": False, "start_actual_task": True, "capacity": 8},
            "rabbitmq": {"port": 5672, "username": "admin", "password": "mypass"},
        },
        ["ignored: worker.container_autoremove", "rabbitmq.password: the password is a well-known default"],
    ),
    "edge": (
        {
            "coreservice_ip": "192.0.2.10",
            "my_hostip": "203.0.113.7",
            "physical_location": {
                "longitude": 139.7,
                "latitude": 35.6,
                "city": "Example",
                "district": "N",
                "section": "4",
            },
            "site_id": "edge-7",
            "worker": {"container_management": "docker", "heartbeat_interval": 10, "detection_duration": 3},
            "rabbitmq": {"username": "admin", "password": "S3cret!/@%"},
        },
        ["docker is read as kubernetes", "site_id: only letters", "physical_location.district", "easy to guess"],
    ),
    "https": (
        {
            "broker": {"http_port": 8070, "https_port": 443},
            "designer": {"webSrvPort": 8080, "https_webSrvPort": 8443},
            "worker": {
                "edge_controller_port": 1992,
                "registry": {"username": "me", "password": "S3cret!/@%", "server_address": "registry.example"},
            },
            "https": {"enabled": True, "my_certificate": "cert.pem"},
        },
        [
            "true is read as false",
            "worker.edge_controller_port",
            "docker login --username me registry.example && kubectl",
        ],
    ),
    "first generation": (
        {
            "my_ip": "192.0.2.10",
            "my_role": "core",
            "message_bus": "amqp://admin:S3cret!%2F%40%25@192.0.2.10:5672/",
            "logical_location": {"layer_no": 1},
            "broker": {"port": 8070, "websocket": 8080},
            "my_capacity": {"cpu": 2, "memory": 4, "tasks": 10},
        },
        [
            "my_ip: older name of coreservice_ip",
            "message_bus: its username is read as rabbitmq.username",
            "broker.port: older name of broker.http_port",
            "logical_location (site_id)",
            "my_capacity.tasks: older name of worker.capacity",
        ],
    ),
}
