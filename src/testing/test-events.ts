/** For tests of the event log: events that differ by name, and an API whose log is settled after each. */
import { sql } from 'kysely'
import { type Db, transaction } from '../platform/database.ts'
import { appendEvents } from '../platform/events.ts'
import { followSocket, followStream } from './event-clients.ts'
import { listAt, type Reply, startTestApi, type TestApi, textAt } from './test-api.ts'
import type { TestPlatform } from './test-platform.ts'

export type TestEventsApi = TestApi & {
  /** Until all that is committed is settled: who follows from now on gets none of it. */
  settled(): Promise<void>
  /** Events of the default workspace by these names, settled. */
  happen(names: readonly string[], mailboxId?: string | null): Promise<void>
  /** The cursor behind everything that has happened. */
  endCursor(): Promise<string>
}

/** How the log is followed, by the last part of the path. */
export const eventFaces: Record<string, typeof followStream> = {
  stream: followStream,
  websocket: followSocket,
}

/** Appends events of the default workspace by these names, or of a mailbox of it. */
export async function appendNamed(
  { platform, scope }: Pick<TestPlatform, 'platform' | 'scope'>,
  names: readonly string[],
  mailboxId: string | null = null,
): Promise<void> {
  const { organizationId, workspaceId } = scope
  const events = names.map((name) => ({
    type: 'workspace.updated' as const,
    organizationId,
    workspaceId,
    mailboxId,
    data: { workspace_id: workspaceId, name },
  }))
  await transaction(platform.db, (tx) => appendEvents(platform, tx, events))
}

export const nameOf = (event: unknown): string => textAt(event, 'data', 'name')
export const namesIn = ({ json }: Reply): string[] => listAt(json, 'data').map(nameOf)

/** Until all that is committed is settled: other databases of a server may hold it back (decision 0009). */
export async function untilSettled(db: Db): Promise<void> {
  const { rows } = await sql<{ xid: string }>`
    select pg_snapshot_xmax(pg_current_snapshot())::text as xid`.execute(db)
  for (let isSettled = false; !isSettled; ) {
    const { rows: found } = await sql<{ settled: boolean }>`
      select pg_snapshot_xmin(pg_current_snapshot()) >= ${rows[0]?.xid}::xid8 as settled`.execute(db)
    isSettled = found[0]?.settled ?? false
  }
}

export async function startTestEventsApi(): Promise<TestEventsApi> {
  const api = await startTestApi({
    requestsPerMinute: 1e9,
    eventStreams: { perCallerMax: 8, perNodeMax: 16, heartbeatMs: 150, stallMs: 2000 },
  })
  const settled = (): Promise<void> => untilSettled(api.platform.db)
  return {
    ...api,
    settled,
    async happen(names, mailboxId) {
      await appendNamed(api, names, mailboxId)
      await settled()
    },
    async endCursor() {
      await settled()
      return textAt((await api.call('GET', '/v1/events')).json, 'next_cursor')
    },
  }
}
