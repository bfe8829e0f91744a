"""What users do during a soak: functions, service intents and devices come and go; and which tasks must run because of it.

Each operation is repeated until the designer, or discovery, shows its result: FogFlow may be at a loss meanwhile. What was stored
less than STORED_S ago may be lost with designer and keeper, so these two are not lost just then.
"""

import contextlib
import http.client
import json
import time
from collections import Counter

from tests.real import deployed
from tests.real.conftest import until

STORED_S = 15.0
"""The keeper stores what it knows every 10 s."""
MORE = {**deployed.FUNCTION, "name": "f2", "input": "Humidity", "output": "Damp"}
_PATH = f"/fogfunction/{MORE['name']}"
SERVICE, INTENT_ID = "pressing", "ServiceIntent.soak"
_IMAGE, _, _TAG = deployed.FUNCTION["image"].rpartition(":")
OPERATOR = {
    "name": "press", "description": "", "parameters": [],
    "dockerimages": [
        {"operatorName": "press", "name": _IMAGE, "tag": _TAG, "hwType": "X86", "osType": "Linux", "prefetched": False}
    ],
}  # fmt: skip
TOPOLOGY = {
    "name": SERVICE, "description": "",
    "tasks": [{
        "name": "main", "operator": OPERATOR["name"],
        "input_streams": [{"selected_type": "Pressure", "selected_attributes": [], "groupby": "EntityID", "scoped": False}],
        "output_streams": [{"entity_type": "Force"}],
    }],
}  # fmt: skip
INTENT = {
    "id": INTENT_ID, "topology": SERVICE, "stype": "ASYN", "priority": {"exclusive": False, "level": 50}, "qos": "default",
    "geoscope": {"scopeType": "global", "scopeValue": "global"},
}  # fmt: skip
DEVICE, FOR_INTENT = "H1", "P1"
ERRORS = (OSError, ValueError, http.client.HTTPException)
"""What a request to a FogFlow at a loss ends with."""


class Users:
    """Users of one FogFlow: what they want to be there, beside FogFlow's own function and devices."""

    def __init__(self, fogflow, chance):
        self.fogflow, self.chance = fogflow, chance
        self.function, self.intends, self.plugged = "", False, True  # function: enabled, disabled, or not there
        self.stored_at = float("-inf")

    def prepare(self):
        """An operator, a service, and devices: what functions and intents are about. FogFlow must work."""
        self._ask("POST", "/operator", [OPERATOR])
        self._ask("POST", "/service", [{"topology": TOPOLOGY}])
        self.publish()

    def act(self, *, calm):
        """One operation, by chance; what it was. Devices come and go only while nothing is lost (`calm`).

        FogFlow never tries again to register or to deregister an entity while discovery is away.
        """
        possible = [self.withdraw if self.intends else self.intend]
        if self.function:
            possible += [self.delete, self.disable if self.function == "enabled" else self.enable]
        else:
            possible.append(self.store)
        if calm:
            possible.append(self.unplug if self.plugged else self.plug)
        return self.chance.choice(possible)()

    # -- operations ----------------------------------------------------------------------------------------------------

    def store(self):
        self.function = "enabled"
        return self._until("a function is stored", self._has_function, lambda: self._ask("POST", "/fogfunction", MORE))

    def delete(self):
        self.function = ""
        return self._until("a function is deleted", self._has_function, lambda: self._ask("DELETE", _PATH))

    def disable(self):
        self.function = "disabled"
        return self._until("a function is disabled", self._has_function, lambda: self._ask("GET", f"{_PATH}/disable"))

    def enable(self):
        self.function = "enabled"
        return self._until("a function is enabled", self._has_function, lambda: self._ask("GET", f"{_PATH}/enable"))

    def intend(self):
        self.intends = True
        return self._until("an intent is made", self._has_intent, lambda: self._ask("POST", "/intent", INTENT))

    def withdraw(self):
        self.intends = False
        return self._until(
            "an intent is deleted", self._has_intent, lambda: self._ask("DELETE", f"/intent/{INTENT_ID}")
        )

    def plug(self):
        self.plugged = True
        return self._until("a device comes", lambda: DEVICE in self._known(), self.publish)

    def unplug(self):
        """A device is deleted until neither broker nor discovery knows it."""
        self.plugged = False
        element = {"entityId": {"id": DEVICE, "type": "Humidity"}}
        body = {"contextElements": [element], "updateAction": "DELETE"}
        return self._until(
            "a device goes",
            lambda: DEVICE not in self._known(),
            lambda: self._ask("POST", "/ngsi10/updateContext", body),
        )

    def publish(self):
        """As devices do all the time; FogFlow's own devices do it while FogFlow is asked what is wrong."""
        devices = {FOR_INTENT: "Pressure", **({DEVICE: "Humidity"} if self.plugged else {})}
        for device, kind in devices.items():
            with contextlib.suppress(*ERRORS):
                self.fogflow.update(device, time.monotonic_ns(), kind)

    # -- what must be there ----------------------------------------------------------------------------------------------

    def lost(self):
        """What the designer stores otherwise than users left it, in one line; empty when all is there."""
        amiss = [("function", self._has_function()), ("intent", self._has_intent())]
        return ", ".join(f"the {what} is not as users left it" for what, holds in amiss if not holds)

    def expected(self):
        """How many tasks of each topology must run."""
        function = self.function == "enabled" and self.plugged
        own = {deployed.FUNCTION["name"]: len(deployed.DEVICES)}
        return +Counter({**own, MORE["name"]: int(function), SERVICE: int(self.intends)})

    def more(self):
        """How many tasks more than FogFlow's own must run; 2 at most."""
        return self.expected().total() - len(deployed.DEVICES)

    def amiss(self):
        """Which tasks run otherwise than they must, in one line; empty when each runs once."""
        tasks = self.fogflow.tasks("")
        if tasks is None:
            return "a task is on its way in or out"
        found = Counter(task.split(".")[1] for task in tasks)
        once = len(set(tasks)) == len(tasks)
        return "" if once and found == self.expected() else f"tasks {tasks}, not {dict(self.expected())}"

    def rest(self):
        """Wait until what was stored last is safe, even when the keeper is lost, too."""
        time.sleep(max(0.0, self.stored_at + STORED_S - time.monotonic()))

    # -- how -----------------------------------------------------------------------------------------------------------

    def _ask(self, method, path, body=None):
        data = None if body is None else json.dumps(body).encode()
        deployed.raw(self.fogflow.url("nginx", 80, path), method, data)

    def _has_function(self):
        function = deployed.call("GET", self.fogflow.url("nginx", 80, "/fogfunction")).get(MORE["name"])
        return self.function == ("" if function is None else function.get("status", "enabled"))

    def _has_intent(self):
        return self.intends == (INTENT_ID in deployed.call("GET", self.fogflow.url("nginx", 80, "/intent")))

    def _known(self):
        """Ids of the entities that broker and discovery know."""
        everything = {"entities": [{"id": ".*", "isPattern": True}]}
        url = self.fogflow.url("discovery", 8090, "/ngsi9/discoverContextAvailability")
        registered = deployed.call("POST", url, everything).get("contextRegistrationResponses") or []
        found = {e["id"] for one in registered for e in one["contextRegistration"]["entities"]}
        return found | {e["entityId"]["id"] for e in self.fogflow.entities()}

    def _until(self, what, holds, ask):
        """Ask until it holds; not once more when the first request got through and its answer did not come."""

        def attempt():
            with contextlib.suppress(*ERRORS):
                if not holds():
                    ask()
                return holds()
            return False

        until(attempt, what, every=1.0)
        self.stored_at = time.monotonic()
        return what
