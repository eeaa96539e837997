# SPDX-License-Identifier: Apache-2.0
"""The lab of the system tests and of ./run: networks of namespaces on one machine."""
