/** Events as the API shows them, and what its callers may ask of the event log. */
import { type Static, Type } from 'typebox'
import { requireOrganization } from '../accounts/principals.ts'
import { getMailbox } from '../mailboxes/mailboxes.ts'
import { decodeEventCursor, requireLiveCursor } from '../platform/event-cursor.ts'
import type { EventCursor } from '../platform/event-log.ts'
import type { Wanted } from '../platform/event-subscription.ts'
import { parseTypeFilter } from '../platform/event-types.ts'
import type { Platform } from '../platform/platform.ts'
import type { Caller } from './caller.ts'
import { apiLimits } from './limits.ts'
import { Id, Moment, Nullable, OneOf } from './schemas.ts'

export const EventView = Type.Object(
  {
    id: Type.String({ format: 'uuid', description: 'Stays the same: by it you know what you have seen.' }),
    type: Type.String({ description: 'Such as `message.received`; docs/events.md has them all.' }),
    created_at: Moment,
    organization_id: Id,
    workspace_id: Nullable(Id, 'Null: the organization’s own.'),
    mailbox_id: Nullable(Id),
    data: Type.Unsafe<unknown>({
      type: 'object',
      additionalProperties: true,
      description: 'What happened, by type.',
    }),
    cursor: Type.String({ description: 'Reading goes on behind this event with it.' }),
  },
  { title: 'Event' },
)

const Cursor = (description: string) => Type.String({ maxLength: 64, description })

/** What all ways to read events can be asked for. */
export const eventQuery = {
  types: Type.Optional(
    Type.String({
      maxLength: apiLimits.eventTypesLengthMax,
      description: 'Only these types, with commas between them: `message.*,domain.created`.',
    }),
  ),
  mailbox: Type.Optional(
    Type.String({
      maxLength: apiLimits.addressLengthMax,
      description: 'Only what concerns this mailbox: its id or address.',
    }),
  ),
  of: Type.Optional(
    OneOf(
      ['workspace', 'organization'],
      'Default: the workspace’s. The organization’s are those that are no workspace’s.',
    ),
  ),
  cursor: Type.Optional(Cursor('Where to go on: `next_cursor`, or the cursor of an event.')),
} as const

type EventQuery = Static<Type.TObject<typeof eventQuery>>

/**
 * Which events the caller asks for and may see.
 * @throws Refusal forbidden, mailbox_not_found, invalid_request.
 */
export async function wantedEvents(
  platform: Platform,
  { principal, scope }: Caller,
  { types, mailbox, of }: Pick<EventQuery, 'types' | 'mailbox' | 'of'>,
): Promise<Wanted> {
  const filter = parseTypeFilter(
    types === undefined ? [] : types.split(',').map((one) => one.trim()),
    '/types',
  )
  if (of === 'organization') {
    requireOrganization(principal)
    return { of: { organizationId: scope.organizationId }, mailboxId: null, types: filter }
  }
  const mailboxId = mailbox === undefined ? scope.mailboxId : (await getMailbox(platform, scope, mailbox)).id
  return { of: { workspaceId: scope.workspaceId }, mailboxId, types: filter }
}

/** @throws Refusal invalid_cursor, cursor_expired. */
export async function placeOfCursor(platform: Platform, text: string): Promise<EventCursor> {
  const cursor = decodeEventCursor(text)
  await requireLiveCursor(platform.db, platform.clock.now(), cursor)
  return cursor
}
