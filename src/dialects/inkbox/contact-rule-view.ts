/** Contact rules in JSON, coming and going: entries of the sender lists of mailboxes. */
import { type Static, Type } from 'typebox'
import type { AgentEntryFilter, Slice } from '../../delivery/spam/agent-entries.ts'
import type { EntryChange } from '../../delivery/spam/entry-directions.ts'
import type { NewEntry, SenderListEntry } from '../../delivery/spam/sender-list-changes.ts'
import { canonicalPattern } from '../../delivery/spam/sender-patterns.ts'
import type { SenderListDirection } from '../../delivery/spam/tables.ts'
import { Refusal } from '../../platform/errors.ts'
import { Moment, Uuid } from './schemas.ts'

const Action = Type.Union([Type.Literal('allow'), Type.Literal('block')])
const MatchType = Type.Union([Type.Literal('exact_email'), Type.Literal('domain')])
const Status = Type.Union([Type.Literal('active'), Type.Literal('paused')])
const Direction = Type.Union([Type.Literal('inbound'), Type.Literal('outbound'), Type.Literal('both')])

const limitDefault = 50

export const RuleQuery = Type.Object({
  action: Type.Optional(Action),
  match_type: Type.Optional(MatchType),
  direction: Type.Optional(Direction),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 200, default: limitDefault })),
  offset: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000, default: 0 })),
})

export const AllRulesQuery = Type.Object({
  ...RuleQuery.properties,
  agent_identity_id: Type.Optional(Uuid),
  mailbox_id: Type.Optional(Uuid),
})

export function toFilter({ action, match_type, direction }: Static<typeof RuleQuery>): AgentEntryFilter {
  return {
    kind: action ?? null,
    direction: direction ?? null,
    of: match_type === undefined ? null : match_type === 'domain' ? 'domain' : 'address',
    mailboxId: null,
    identityId: null,
  }
}

export function toSlice({ limit = limitDefault, offset = 0 }: Static<typeof RuleQuery>): Slice {
  return { limit, offset }
}

export const NewRuleBody = Type.Object({
  action: Action,
  match_type: MatchType,
  match_target: Type.String({ minLength: 1, maxLength: 320, description: 'An address or a bare domain.' }),
  direction: Type.Optional(Direction),
})

/** @throws Refusal invalid_request for a target that is not what its type says. */
export function toNewEntry(body: Static<typeof NewRuleBody>): NewEntry {
  const target = body.match_target.trim()
  const isMarked = /^[@.]/.test(target)
  const pattern = isMarked ? null : canonicalPattern(body.match_type === 'domain' ? `@${target}` : target)
  if (pattern !== null) return { kind: body.action, pattern, direction: body.direction ?? 'both' }
  const detail = body.match_type === 'domain' ? 'must be a bare domain' : 'must be an address'
  throw new Refusal('invalid_request', 'The target is not valid.', {
    fields: [{ pointer: '/match_target', detail }],
  })
}

const changes = {
  action: Type.Optional(Action),
  direction: Type.Optional(Direction),
  apply_to: Type.Optional(Type.Union([Type.Literal('inbound'), Type.Literal('outbound')])),
}
export const RuleChangesBody = Type.Object(changes)
/** Older clients pause rules. */
export const MailboxRuleChangesBody = Type.Object({ ...changes, status: Type.Optional(Status) })

export type RuleChange = { change: EntryChange; keepsRest: boolean }

/**
 * @param body of an identity's route without a status, which only mailboxes' routes know.
 * @throws Refusal invalid_request for fields that do not go together.
 */
export function toRuleChange(body: Static<typeof MailboxRuleChangesBody>): RuleChange {
  const { action, direction, apply_to: applyTo, status } = body
  if (applyTo !== undefined && direction !== undefined) throw refusedField('cannot go with direction')
  if (applyTo !== undefined && action === undefined) throw refusedField('needs an action')
  const wanted: SenderListDirection | undefined = applyTo ?? direction
  return {
    change: {
      ...(action === undefined ? {} : { kind: action }),
      ...(wanted === undefined ? {} : { direction: wanted }),
      ...(status === undefined ? {} : { paused: status === 'paused' }),
    },
    keepsRest: applyTo !== undefined,
  }
}

function refusedField(detail: string): Refusal {
  return new Refusal('invalid_request', `apply_to ${detail}.`, { fields: [{ pointer: '/apply_to', detail }] })
}

const rule = {
  mailbox_id: Uuid,
  action: Action,
  match_type: MatchType,
  match_target: Type.String(),
  status: Status,
  direction: Direction,
  created_at: Moment,
  updated_at: Moment,
}
export const MailboxRuleView = Type.Object({ id: Uuid, ...rule }, { title: 'MailboxContactRule' })
export const IdentityRuleView = Type.Object(
  { id: Uuid, agent_identity_id: Uuid, ...rule, contact: Type.Null() },
  { title: 'IdentityContactRule' },
)

export function mailboxRuleView(entry: SenderListEntry): Static<typeof MailboxRuleView> {
  const isDomain = entry.pattern.startsWith('@')
  return {
    id: entry.id,
    mailbox_id: entry.scope_id,
    action: entry.kind,
    match_type: isDomain ? 'domain' : 'exact_email',
    match_target: isDomain ? entry.pattern.slice(1) : entry.pattern,
    status: entry.paused ? 'paused' : 'active',
    direction: entry.direction,
    created_at: entry.created_at.toISOString(),
    updated_at: entry.updated_at.toISOString(),
  }
}

export function identityRuleView(
  entry: SenderListEntry,
  identityId: string,
): Static<typeof IdentityRuleView> {
  const { id, ...rest } = mailboxRuleView(entry)
  return { id, agent_identity_id: identityId, ...rest, contact: null }
}
