/** What may be asked of a webhook: its URL, its filter, its headers, and whom it hears of. */

import { sql } from 'kysely'
import type { Scope } from '../accounts/principals.ts'
import type { Tx } from '../platform/database.ts'
import { Refusal } from '../platform/errors.ts'
import { parseTypeFilter } from '../platform/event-types.ts'
import type { Platform } from '../platform/platform.ts'
import { uuidArray } from '../platform/sql-arrays.ts'
import { checkUrl } from './addresses.ts'
import { webhookPolicy } from './policy.ts'
import type { WebhooksTable } from './tables.ts'

/** Whom a webhook hears of; neither of both: of the whole workspace. */
export type Subject = { mailboxIds: readonly string[] | null; identityIds: readonly string[] | null }

export type SubjectColumns = Pick<WebhooksTable, 'scope' | 'mailbox_ids' | 'identity_ids'>

/** @throws Refusal invalid_request. */
export function requireUrl({ config }: Platform, text: string): string {
  const checked = checkUrl(config, text)
  if (checked.ok) return checked.url
  throw invalid('/url', checked.problem, `The URL ${checked.problem}.`)
}

/** @throws Refusal invalid_request. */
export function requireEventTypes(types: readonly string[]): string[] {
  parseTypeFilter(types, '/event_types')
  return [...new Set(types)]
}

// RFC 9110 §5.6.2
const tokenPattern = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,100}$/
const valuePattern = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/

/** Those that say how the request is made, and those of the signature. */
const reserved =
  /^(?:host|content-.*|transfer-encoding|connection|keep-alive|upgrade|te|trailer|expect|user-agent|accept-encoding|proxy-.*|webhook-.*|cookie)$/

/** Names in lower case. @throws Refusal invalid_request. */
export function requireHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const entries = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const)
  if (entries.length > webhookPolicy.headersMax) {
    throw invalid('/headers', `must be ${webhookPolicy.headersMax} at the most`)
  }
  for (const [name, value] of entries) {
    if (!tokenPattern.test(name) || reserved.test(name)) throw invalid('/headers', `"${name}" may not be set`)
    if (value.length > webhookPolicy.headerValueLengthMax || !valuePattern.test(value)) {
      throw invalid('/headers', `the value of "${name}" must be printable ASCII`)
    }
  }
  if (new Set(entries.map(([name]) => name)).size < entries.length) {
    throw invalid('/headers', 'a name stands there twice')
  }
  return Object.fromEntries(entries)
}

function invalid(pointer: string, detail: string, sentence?: string): Refusal {
  return new Refusal('invalid_request', sentence, { fields: [{ pointer, detail }] })
}

/** @throws Refusal mailbox_not_found, identity_not_found, invalid_request. */
export async function subjectColumns(
  tx: Tx,
  scope: Scope,
  { mailboxIds, identityIds }: Subject,
): Promise<SubjectColumns> {
  if (mailboxIds !== null && identityIds !== null) {
    throw invalid('/identity_ids', 'cannot stand beside mailbox_ids')
  }
  if (mailboxIds !== null) {
    const found = await mailboxesOf(tx, scope, mailboxIds)
    return { scope: 'mailboxes', mailbox_ids: found, identity_ids: [] }
  }
  if (identityIds !== null) {
    const found = await identitiesOf(tx, scope, identityIds)
    const mailbox_ids = found.flatMap((one) => one.mailbox_id ?? [])
    return { scope: 'identities', mailbox_ids, identity_ids: found.map(({ id }) => id) }
  }
  return { scope: 'workspace', mailbox_ids: [], identity_ids: [] }
}

async function mailboxesOf(tx: Tx, { workspaceId }: Scope, ids: readonly string[]): Promise<string[]> {
  const wanted = [...new Set(ids.map((id) => id.toLowerCase()))]
  const found = await tx
    .selectFrom('mailboxes')
    .select('id')
    .where('workspace_id', '=', workspaceId)
    .where('state', '<>', 'deleted')
    .where(sql<boolean>`id = any(${uuidArray(wanted)})`)
    .execute()
  if (found.length < wanted.length) throw new Refusal('mailbox_not_found')
  return wanted
}

async function identitiesOf(
  tx: Tx,
  { workspaceId }: Scope,
  ids: readonly string[],
): Promise<{ id: string; mailbox_id: string | null }[]> {
  const wanted = new Set(ids.map((id) => id.toLowerCase()))
  const found = await tx
    .selectFrom('identities')
    .select(['id', 'mailbox_id'])
    .where('workspace_id', '=', workspaceId)
    .where(sql<boolean>`id = any(${uuidArray([...wanted])})`)
    .execute()
  if (found.length < wanted.size) throw new Refusal('identity_not_found')
  return found
}
