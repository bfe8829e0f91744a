"""The requests of the worker to the broker: one element per request, in order."""

import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from fogflow_k8s.worker.broker import Broker, BrokerUnavailable
from tests.unit.worker.world import record, task

BUDGET_S = 5

OUTPUTS = [{"Type": "Count", "StreamID": f"Count.{n}"} for n in range(3)]


def _record(**more):
    return record({**task("Task.f.t.1", ["Device.1"]), "Outputs": OUTPUTS, **more})


def _sent(do, *, refused_from=100):
    """The bodies of updateContext, the number of connections, and the error; the broker fails from that request on."""
    bodies, peers = [], set()

    async def update(request):
        bodies.append(await request.json())
        peers.add(request.transport.get_extra_info("peername"))
        return web.json_response({}, status=503 if len(bodies) >= refused_from else 200)

    async def run():
        app = web.Application()
        app.router.add_post("/ngsi10/updateContext", update)
        async with TestServer(app) as server:
            broker = Broker(str(server.make_url("/ngsi10")))
            try:
                await do(broker)
            finally:
                await broker.close()

    try:
        asyncio.run(run())
    except BrokerUnavailable as error:
        return bodies, len(peers), str(error)
    return bodies, len(peers), ""


def _ids(bodies):
    assert all(len(body["contextElements"]) == 1 for body in bodies), "with two elements the real broker can end"
    return [(body["updateAction"], body["contextElements"][0]["entityId"]["id"]) for body in bodies]


def test_each_output_is_deleted_by_a_request_of_its_own():
    bodies, connections, why = _sent(lambda broker: broker.delete_outputs(_record()))
    assert _ids(bodies) == [("DELETE", output["StreamID"]) for output in OUTPUTS]
    assert (connections, why) == (1, "")


@pytest.mark.parametrize("refused_from", [1, 2])
def test_a_broker_that_fails_in_between_is_unavailable(refused_from):
    bodies, _, why = _sent(lambda broker: broker.delete_outputs(_record()), refused_from=refused_from)
    assert len(bodies) == refused_from
    assert "503" in why


def test_a_task_without_outputs_deletes_nothing():
    assert _sent(lambda broker: broker.delete_outputs(_record(Outputs=[])))[0] == []


def test_a_service_is_registered_as_one_element_and_deleted_after_the_outputs():
    served = _record(Parameters=[{"name": "service-port", "value": "9000"}], TopologyName="top")
    bodies, _, _ = _sent(lambda broker: broker.register_service(served, "host", {}))
    assert _ids(bodies) == [("UPDATE", "uService.top.Task.f.t.1")]
    bodies, _, _ = _sent(lambda broker: broker.delete_outputs(served))
    assert _ids(bodies)[-1] == ("DELETE", "uService.top.Task.f.t.1")
