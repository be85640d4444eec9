/** Exports: mailboxes on their way to sequencers, each with what became of it. */

import { type Static, Type } from 'typebox'
import type { Scope } from '../../accounts/principals.ts'
import type { Tx } from '../../platform/database.ts'
import type { Api } from '../../platform/http/app.ts'
import { emptyBodyIsObject } from '../../platform/http/empty-body.ts'
import { Nullable } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { chooseMailboxes } from '../../sequencers/choice.ts'
import { getSequencerLocked } from '../../sequencers/connections.ts'
import { type ExportedMailbox, listExportedMailboxes } from '../../sequencers/export-pages.ts'
import { createExport } from '../../sequencers/exports.ts'
import { rowsOf, type SequencerMailbox } from '../../sequencers/rows.ts'
import type { ExportItemState } from '../../sequencers/tables.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { closed, errors, Moment, Ok, offsetInput, offsetOf, ok, Uid, uidsMax } from './schemas.ts'

const ExportView = Type.Object(
  {
    uid: Type.String(),
    mailbox_uid: Type.String(),
    mailbox_email: Type.String({ description: 'As it was then.' }),
    sequencer_uid: Type.Optional(
      Type.String({ description: 'Left out once the sequencer is disconnected.' }),
    ),
    status: Type.String({ description: 'queued, completed or failed.' }),
    error_message: Nullable(Type.String()),
    created_at: Moment,
    updated_at: Moment,
  },
  { title: 'SequencerExport' },
)

const Uids = Type.Array(Uid, { minItems: 1, maxItems: uidsMax })
const ExportBody = Type.Object({ sequencer_uid: Uid, mailbox_uids: Uids }, closed)
const StatusBody = Type.Object(
  {
    sequencer_uid: Type.Optional(Uid),
    mailbox_uids: Type.Optional(Uids),
    uids: Type.Optional(Uids),
    status: Type.Optional(Type.String({ maxLength: 100 })),
    ...offsetInput,
  },
  closed,
)
const tags = ['Sequencers']

export function exportRoutes(app: Api, platform: Platform): void {
  app.post(
    '/sequencers/export',
    {
      schema: {
        summary: 'Export mailboxes to a sequencer',
        description:
          'They are brought there by a job, and from then on a changed password, name or address is told there by itself.',
        tags,
        body: ExportBody,
        response: {
          200: Ok({
            results: Type.Object({
              new_exports_created: Type.Integer(),
              duplicate_exports_skipped: Type.Integer({ description: 'They are there, or on their way.' }),
            }),
            exports: Type.Object({ created: Type.Array(ExportView) }),
          }),
          ...errors(400),
        },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { sequencer_uid: sequencerId, mailbox_uids: refs } = request.body
      const { created, skipped } = await transact(platform, caller, (tx) =>
        exportNew(platform, tx, caller.scope, sequencerId, refs),
      )
      return ok('Mailboxes queued for export', {
        results: { new_exports_created: created.length, duplicate_exports_skipped: skipped },
        exports: { created: created.map(exportView) },
      })
    },
  )
  app.post(
    '/sequencers/export/status',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'List exports of mailboxes',
        description: 'The newest first.',
        tags,
        body: StatusBody,
        response: { 200: Ok({ data: Type.Array(ExportView) }), ...errors(400) },
      },
    },
    async (request) => {
      const {
        sequencer_uid: sequencerId = null,
        mailbox_uids: mailboxIds = null,
        uids,
        status,
      } = request.body
      const filter = {
        sequencerId,
        mailboxIds,
        items: uids?.map(itemOf) ?? null,
        states: status === undefined ? null : (statesOf[status.toLowerCase()] ?? []),
      }
      const page = offsetOf(request.body)
      const rows = await listExportedMailboxes(platform, callerOf(request).scope, filter, page)
      return ok('Exports retrieved successfully', { data: rows.map(exportView) })
    },
  )
}

const statusOf = {
  waiting: 'queued',
  done: 'completed',
  skipped: 'completed',
  failed: 'failed',
} as const satisfies Record<ExportItemState, string>

const statesOf: Readonly<Record<string, readonly ExportItemState[]>> = {
  queued: ['waiting'],
  completed: ['done', 'skipped'],
  failed: ['failed'],
}

/** One mailbox of one export: the ids of both, of the same length each. */
const uidOf = (exportId: string, mailboxId: string): string => `${exportId}-${mailboxId}`
const idLength = 36

function itemOf(uid: string): { exportId: string; mailboxId: string } {
  return { exportId: uid.slice(0, idLength), mailboxId: uid.slice(idLength + 1) }
}

/**
 * Exports those of the mailboxes that are not at the sequencer or on their way to it. What failed there, or is gone from
 * there, is exported again.
 */
async function exportNew(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  ref: string,
  refs: readonly string[],
): Promise<{ created: ExportedMailbox[]; skipped: number }> {
  const { id: sequencerId } = await getSequencerLocked(platform, tx, scope, ref)
  const chosen = await chooseMailboxes(platform, tx, scope, { refs })
  const rows = await rowsOf(
    tx,
    sequencerId,
    chosen.map(({ id }) => id),
  )
  const there = new Set(rows.filter(isThere).map(({ mailbox_id: id }) => id))
  const left = chosen.flatMap(({ id }) => (there.has(id) ? [] : id))
  if (left.length === 0) return { created: [], skipped: there.size }
  const wanted = { sequencerId, platform: null, method: 'api' as const, choice: { refs: left } }
  const { row, items } = await createExport(platform, tx, scope, wanted)
  const { id: export_id, created_at } = row
  const created = items.map(({ id: mailbox_id, ...item }, position) => {
    return {
      ...item,
      export_id,
      mailbox_id,
      position,
      sequencer_id: sequencerId,
      created_at,
      updated_at: created_at,
    }
  })
  return { created, skipped: there.size }
}

function isThere({ wanted, state }: SequencerMailbox): boolean {
  return wanted && (state === 'queued' || state === 'confirming' || state === 'connected')
}

function exportView(item: ExportedMailbox): Static<typeof ExportView> {
  return {
    uid: uidOf(item.export_id, item.mailbox_id),
    mailbox_uid: item.mailbox_id,
    mailbox_email: item.address,
    ...(item.sequencer_id === null ? {} : { sequencer_uid: item.sequencer_id }),
    status: statusOf[item.state],
    error_message: item.error,
    created_at: item.created_at.toISOString(),
    updated_at: item.updated_at.toISOString(),
  }
}
