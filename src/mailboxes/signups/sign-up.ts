/**
 * Agents that sign up by themselves: each gets a provisional organization, an identity with an address in the shared
 * domain, and a key that is bound to it. Its human is mailed a code, and whoever gives that to the agent has claimed it.
 */

import { insertAgentKey } from '../../accounts/api-keys.ts'
import type { Scope } from '../../accounts/principals.ts'
import { canonicalEmail } from '../../accounts/users.ts'
import { createWorkspace } from '../../accounts/workspaces.ts'
import { findSharedDomain } from '../../domains/shared-domain.ts'
import { nameActor } from '../../platform/actors.ts'
import type { Db, Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { newId } from '../../platform/ids.ts'
import { addJob } from '../../platform/jobs.ts'
import type { Platform } from '../../platform/platform.ts'
import { createIdentity, type Identity } from '../identities.ts'
import { requireSignupRoom, signupLimits, signupNetwork } from './limits.ts'
import './tables.ts'

declare module '../../platform/jobs.ts' {
  interface JobTypes {
    'agent_signups.mail_code': { identity_id: string }
    'agent_signups.mail_invitation': { identity_id: string }
    'agent_signups.expire': Record<string, never>
  }
}

export type NewSignup = {
  humanEmail: string
  /** What the agent says to its human, as plain text. */
  note: string
  displayName: string | null
  /** Null: a random one. */
  handle: string | null
  /** The program that the agent runs in. */
  harness: string | null
  /** The client's, for the limit of signups. */
  remoteAddress: string
}

export type SignedUp = {
  identity: Identity & { address: string }
  humanEmail: string
  /** The agent's key, which is shown only now. */
  token: string
}

const dayMs = 24 * 3600_000

/**
 * Signs an agent up.
 * @throws Refusal agent_signup_off, agent_signup_limit_reached, handle_invalid, handle_taken, invalid_request, and whatever
 *   keeps a mailbox from being made.
 */
export async function signUpAgent(platform: Platform, tx: Tx, wanted: NewSignup): Promise<SignedUp> {
  const domain = await requireSignupOn(platform, tx)
  const humanEmail = canonicalEmail(wanted.humanEmail)
  const network = signupNetwork(wanted.remoteAddress)
  await requireSignupRoom(platform, tx, { network, humanEmail })
  await requireNoAgent(tx, humanEmail)
  const keyId = newId()
  nameActor(tx, `api_key:${keyId}`)
  const scope = await provisionalScope(platform, tx, keyId)
  const identity = await createIdentity(platform, tx, scope, {
    handle: wanted.handle,
    displayName: wanted.displayName,
    description: null,
    owner: scope.actor,
    mailbox: { domain: domain.name },
  })
  const { mailbox_id: mailboxId, address } = identity
  if (mailboxId === null || address === null) throw new Error('the agent has no mailbox')
  const token = await insertAgentKey(platform, tx, scope.organizationId, keyId, {
    name: `Agent @${identity.handle}`,
    workspaceId: scope.workspaceId,
    mailboxId,
    access: 'write',
    expiresAt: null,
    format: 'inkbox',
  })
  const now = platform.clock.now()
  await tx
    .insertInto('agent_signups')
    .values({
      identity_id: identity.id,
      organization_id: scope.organizationId,
      workspace_id: scope.workspaceId,
      mailbox_id: mailboxId,
      api_key_id: keyId,
      human_email: humanEmail,
      note: wanted.note,
      harness: wanted.harness,
      network,
      code_asked_at: now,
      codes_asked: 1,
      ends_at: new Date(now.getTime() + signupLimits.days * dayMs),
      created_at: now,
    })
    .execute()
  const data = { identity_id: identity.id, handle: identity.handle, mailbox_id: mailboxId }
  const { organizationId, workspaceId } = scope
  await appendEvents(platform, tx, [
    { type: 'agent_signup.created', organizationId, workspaceId, mailboxId, data },
  ])
  await addJob(tx, 'agent_signups.mail_code', { identity_id: identity.id })
  return { identity: { ...identity, address }, humanEmail, token }
}

/** @returns the shared domain. @throws Refusal agent_signup_off. */
async function requireSignupOn(platform: Platform, db: Db): Promise<{ name: string }> {
  const domain = platform.config.agentSignup === 'on' ? await findSharedDomain(db) : null
  if (domain === null) throw new Refusal('agent_signup_off')
  return domain
}

/**
 * An agent that nobody has claimed is nobody's human: two could claim each other.
 * @throws Refusal invalid_request.
 */
export async function requireNoAgent(db: Db, humanEmail: string): Promise<void> {
  const agent = await db
    .selectFrom('addresses')
    .innerJoin('agent_signups', 'agent_signups.mailbox_id', 'addresses.mailbox_id')
    .select('identity_id')
    .where('address', '=', humanEmail)
    .where('claimed_at', 'is', null)
    .executeTakeFirst()
  if (!agent) return
  throw new Refusal('invalid_request', `${humanEmail} is an agent that nobody has claimed.`, {
    fields: [{ pointer: '/human_email', detail: 'must be the address of a human' }],
  })
}

/** A new organization with its workspace, in which the agent's first key acts. */
async function provisionalScope(platform: Platform, tx: Tx, keyId: string): Promise<Scope> {
  const organizationId = newId()
  await tx
    .insertInto('organizations')
    .values({ id: organizationId, name: 'Provisional', created_at: platform.clock.now() })
    .execute()
  const { id } = await createWorkspace(platform, tx, organizationId, { name: 'Default', isDefault: true })
  return { organizationId, workspaceId: id, mailboxId: null, access: 'write', actor: `api_key:${keyId}` }
}
