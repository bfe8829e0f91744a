"""Builds everything that a release consists of, into one folder; the same commit gives the same bytes.

    make artifacts [REGISTRY=registry.example/owner] [REPOSITORY=https://example/owner/fogflow-k8s]

A release has the wheel and the sdist, both charts, the archive and manifest of the kubectl plug-in, the image of the native worker for
each platform, SBOMs (SPDX), and SHA256SUMS. All are built from a staged copy of the files that git knows (source.py), so nothing else
of a working tree gets into them. Times are those of the last commit (SOURCE_DATE_EPOCH), and archives have a fixed order, owners and
modes (archive.py). The image consists of Debian's packages, locked in debian.lock.json (debian.py), and of the worker's locked wheels
(image.py); nothing of it runs during the build, so every platform is built on any machine.
"""
