/** Imports of mail in JSON. */
import { type Static, Type } from 'typebox'
import type { Import } from '../../messages/imports/imports.ts'
import type { ImportState } from '../../messages/imports/tables.ts'
import { Moment, momentOrNull, orNull, Uuid } from './schemas.ts'

export const ImportFormatField = Type.Unsafe<'auto' | 'mbox' | 'eml' | 'zip'>({
  type: 'string',
  enum: ['auto', 'mbox', 'eml', 'zip'],
})

const statuses = {
  pending_upload: 'pending_upload',
  waiting: 'queued',
  running: 'running',
  completed: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
} as const satisfies Record<ImportState, string>
type Status = (typeof statuses)[ImportState]

export const ImportView = Type.Object(
  {
    id: Uuid,
    mailbox_id: Uuid,
    status: Type.Unsafe<Status>({ type: 'string', enum: Object.values(statuses) }),
    source_format: ImportFormatField,
    original_addresses: orNull(Type.Array(Type.String())),
    mark_as_read: Type.Boolean(),
    upload_size_bytes: orNull(Type.Integer()),
    messages_processed: Type.Integer(),
    messages_imported: Type.Integer(),
    messages_skipped_duplicate: Type.Integer(),
    messages_failed: Type.Integer(),
    messages_rejected_unsafe: Type.Integer({ description: 'Always 0: imported mail is not judged.' }),
    error_detail: orNull(Type.String()),
    created_at: Moment,
    updated_at: Moment,
    started_at: orNull(Moment),
    finished_at: orNull(Moment),
  },
  { title: 'MailImportJob' },
)

export function importView(one: Import, mailboxId: string): Static<typeof ImportView> {
  return {
    id: one.id,
    mailbox_id: mailboxId,
    status: statuses[one.state],
    source_format: one.format,
    original_addresses: one.own_addresses,
    mark_as_read: one.mark_as_read,
    upload_size_bytes: one.bytes === 0 ? null : one.bytes,
    messages_processed: one.messages_read,
    messages_imported: one.messages_imported,
    messages_skipped_duplicate: one.messages_duplicate,
    messages_failed: one.messages_skipped,
    messages_rejected_unsafe: 0,
    error_detail: one.failure?.detail ?? null,
    created_at: one.created_at.toISOString(),
    updated_at: (one.ended_at ?? one.seen_at).toISOString(),
    started_at: momentOrNull(one.started_at),
    finished_at: momentOrNull(one.ended_at),
  }
}
