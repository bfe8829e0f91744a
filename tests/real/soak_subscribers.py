"""Applications outside the cluster that the broker notifies in NGSIv2 and in NGSI-LD, and the check that each hears once.

The broker speaks the protocol that the header `Destination` of the subscription names, and repeats the header `NGSILD-Tenant` of an
NGSI-LD subscription in every notification. Both must outlive every loss: the keeper restores them with a new broker.
"""

import contextlib
import itertools
import time

from tests.real import deployed
from tests.real.conftest import until

TENANT = "soak"
TWICE_S = 1.5
"""For a second notification of the same update: whoever is subscribed twice is notified twice at the same time."""


class Other(deployed.Subscriber):
    """A subscriber of another protocol than NGSIv1; keeps what does not follow it."""

    protocol, headers, path = "", {}, ""

    def __init__(self, address):
        self.strange = []
        super().__init__(address)

    def subscribe(self, fogflow):
        body = {"entities": [{"type": "Temperature", "isPattern": True, "id": ".*"}], "reference": self.url}
        headers = {"Destination": self.protocol, **self.headers}
        deployed.call("POST", fogflow.url("nginx", 80, "/ngsi10/subscribeContext"), body, headers=headers)

    def read(self, path, headers, body):
        """The values of the attribute `t` in one notification."""
        try:
            told = {name: headers[name] for name in self.headers}
            assert (path, told) == (self.path, self.headers), f"{path} {told}"
            return [value for entity in self.entities(body) for value in self.values_of(entity)]
        except (AssertionError, AttributeError, LookupError, TypeError) as error:
            self.strange.append(f"{type(error).__name__}: {error} in {str(body)[:300]}")
            return []

    def values_of(self, entity):
        if "t" not in entity:
            return []  # the entity without its attributes: it is deleted
        assert entity["type"] == "Temperature", entity
        return [entity["t"]["value"]]

    def entities(self, body):
        """The entities of a notification. Whatever it raises shows that this is no notification of the protocol."""
        raise NotImplementedError


class Version2(Other):
    protocol, path = "NGSIv2", "/"

    def entities(self, body):
        assert set(body) == {"subscriptionId", "data"}, set(body)
        assert all(entity["id"] in deployed.DEVICES for entity in body["data"]), body
        return body["data"]


class LinkedData(Other):
    protocol, headers, path = "NGSI-LD", {"NGSILD-Tenant": TENANT}, "/ngsi-ld/v1/entityOperations/upsert"

    def entities(self, body):
        assert isinstance(body, list), type(body)
        assert all(entity["id"].removeprefix("urn:") in deployed.DEVICES for entity in body), body
        assert all(entity["t"]["type"] == "Property" for entity in body if "t" in entity), body
        return body


class Audience:
    """All subscribers of one soak: that of FogFlow, which speaks NGSIv1, and one of each other protocol."""

    def __init__(self, fogflow):
        address = fogflow.subscriber.server.server_address[0]
        self.fogflow, self.others = fogflow, [Version2(address), LinkedData(address)]
        self.numbers = itertools.count(1)

    def __enter__(self):
        for one in self.others:
            one.subscribe(self.fogflow)
        return self

    def __exit__(self, *_):
        for one in self.others:
            one.close()

    def hear(self, story):
        """Each hears a new value of each device once, in its protocol. FogFlow must have settled: a restore tells again."""
        values = {device: next(self.numbers) for device in deployed.DEVICES}
        for device, value in values.items():
            self.fogflow.update(device, value)
        everyone = {"NGSIv1": self.fogflow.subscriber, **{one.protocol: one for one in self.others}}

        def heard():
            return {name: {d: one.values.count(v) for d, v in values.items()} for name, one in everyone.items()}

        with contextlib.suppress(AssertionError):  # what was heard says more
            until(lambda: all(all(each.values()) for each in heard().values()), "everyone hears", 30)
        time.sleep(TWICE_S)
        found = heard()
        assert all(set(each.values()) == {1} for each in found.values()), f"heard how often after {story}: {found}"
        strange = [text for one in self.others for text in one.strange]
        assert not strange, f"not in the protocol of the subscriber after {story}: {strange[:3]}"
