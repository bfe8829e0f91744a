"""The worker's connection to the API server accepts the certificate authorities of real clusters."""

import asyncio
import json
import ssl

from fogflow_k8s.worker.kube import KubeClient

BUDGET_S = 3


def test_authorities_without_key_identifiers_are_accepted_by_every_python(tmp_path, monkeypatch):
    made = ssl.create_default_context

    def strictly(*args, **kwargs):  # the rules of Python 3.13 and newer
        context = made(*args, **kwargs)
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        return context

    monkeypatch.setattr(ssl, "create_default_context", strictly)
    entries = {"clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}], "users": [{"name": "c", "user": {"token": "t"}}],
               "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}], "current-context": "c"}  # fmt: skip
    file = tmp_path / "kubeconfig"
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **entries}))

    async def flags():
        kube = await KubeClient.connect("city", str(file))
        try:
            return kube._client.rest_client.ssl_context.verify_flags
        finally:
            await kube.close()

    assert not asyncio.run(flags()) & ssl.VERIFY_X509_STRICT
