/** How far the order of the event log is settled (decision 0009): every transaction that could write an earlier event has ended. */
import { sql } from 'kysely'

/**
 * The first transaction that may still write an event of this database, in the snapshot of the statement that has this
 * expression. A snapshot has the running transactions of all databases of the server; those of others write nothing
 * here. One that has ended since the snapshot has no session any more that would tell its database, and counts. So a
 * later statement may see a lower mark than an earlier one; both are right, and a reader keeps to the highest that it
 * has seen, or it would read again what stands between.
 */
export const firstUnsettledXid = sql`least(
  (select running.xid from pg_snapshot_xip(pg_current_snapshot()) as running (xid)
    where not exists (
      select from pg_stat_activity as session where session.backend_xid = running.xid::xid
        and session.datid <> (select oid from pg_database where datname = current_database())
    ) order by running.xid limit 1),
  pg_current_xact_id_if_assigned(), pg_snapshot_xmax(pg_current_snapshot()))`
