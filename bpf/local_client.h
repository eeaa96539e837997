/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * A client on the director itself, by VS/DR or VS/TUN: as any other client it is answered by the
 * real server directly, from the virtual address. But that is an address of this host, so that the
 * stack would take the answer for a martian. It comes in by lo instead, where it is none.
 */
#pragma once

#include "conn.h"
#include "ctx_tc.h"

/* Is it an answer to a client here? Global: it is rare. */
__noinline int is_for_client_here(const struct isobar_tuple *tuple)
{
	struct isobar_tuple asked = {};
	struct isobar_conn *conn;
	__u32 record;

	if (!tuple)
		return 0;
	asked.source = tuple->destination;
	asked.destination = tuple->source;
	asked.source_port = tuple->destination_port;
	asked.destination_port = tuple->source_port;
	asked.protocol = tuple->protocol;
	record = conn_find_among(&asked, ISOBAR_FROM_CLIENT);
	conn = record == CONN_NONE ? NULL : conn_at(record);
	return conn && (conn->flags & ISOBAR_CONN_HERE) && !conn_is_rewritten(conn);
}
