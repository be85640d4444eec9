/** How an agent that signed up by itself is claimed: by the code that its human was mailed, or by that human's session. */
import { timingSafeEqual } from 'node:crypto'
import { type Selectable, sql } from 'kysely'
import { insertMember } from '../../accounts/memberships.ts'
import { isOfOperator, vouchedUserId } from '../../accounts/operator.ts'
import type { Principal, Scope } from '../../accounts/principals.ts'
import type { Db, Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { appendEvents } from '../../platform/events.ts'
import { addJob } from '../../platform/jobs.ts'
import type { Platform } from '../../platform/platform.ts'
import { limitReached, signupLimits } from './limits.ts'
import type { AgentSignupsTable } from './tables.ts'

export type AgentSignup = Selectable<AgentSignupsTable>

/** What a code is kept as. */
export function codeDigest({ vault }: Platform, identityId: string, code: string, keyId?: string): Buffer {
  return vault.digest(code, `agent_signups:${identityId}`, keyId)
}

/** The signup of the agent whose key it is, claimed or not. @throws Refusal agent_signup_not_found. */
export async function ownSignup(db: Db, { mailboxId }: Scope): Promise<AgentSignup> {
  const found =
    mailboxId === null
      ? undefined
      : await db
          .selectFrom('agent_signups')
          .selectAll()
          .where('mailbox_id', '=', mailboxId)
          .executeTakeFirst()
  if (!found) throw new Refusal('agent_signup_not_found')
  return found
}

/**
 * Claims the agent whose key it is with a code.
 * @returns the signup, or the refusal of a code that does not hold: the caller commits, so that a wrong one is counted, and
 *   then throws it. It is agent_signup_code_wrong, agent_signup_code_expired or agent_signup_limit_reached.
 * @throws Refusal agent_signup_not_found, also for one that is claimed already.
 */
export async function claimByCode(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  code: string,
): Promise<AgentSignup | Refusal> {
  const signup = await lockOpen(tx, (await ownSignup(tx, scope)).identity_id)
  const now = platform.clock.now()
  if (signup.wrong_codes >= signupLimits.wrongCodesMax) {
    const text = 'The code was guessed wrong too often: ask for a new one.'
    return limitReached(text, nextCodeAt(signup), now)
  }
  if (signup.code_expires_at !== null && signup.code_expires_at <= now) {
    return new Refusal('agent_signup_code_expired')
  }
  if (isCode(platform, signup, code)) {
    await claim(platform, tx, signup, 'code')
    return signup
  }
  await tx
    .updateTable('agent_signups')
    .set({ wrong_codes: signup.wrong_codes + 1 })
    .where('identity_id', '=', signup.identity_id)
    .execute()
  return new Refusal('agent_signup_code_wrong')
}

function isCode(platform: Platform, signup: AgentSignup, code: string): boolean {
  const { identity_id: id, code_digest: digest, code_key_id: keyId } = signup
  if (digest === null || keyId === null) return false // its mail is not written yet
  return timingSafeEqual(codeDigest(platform, id, code, keyId), digest)
}

function nextCodeAt({ code_asked_at: askedAt }: AgentSignup): Date {
  return new Date(askedAt.getTime() + signupLimits.resendMinutes * 60_000)
}

/**
 * Has another code mailed, which replaces the one before.
 * @throws Refusal agent_signup_not_found, agent_signup_limit_reached.
 */
export async function askForCode(platform: Platform, tx: Tx, scope: Scope): Promise<AgentSignup> {
  const signup = await lockOpen(tx, (await ownSignup(tx, scope)).identity_id)
  const now = platform.clock.now()
  if (nextCodeAt(signup) > now) {
    throw limitReached('A code was mailed a moment ago.', nextCodeAt(signup), now)
  }
  if (signup.codes_asked >= signupLimits.codesMax) {
    throw limitReached('As many codes were mailed as may be.', signup.ends_at, now)
  }
  await tx
    .updateTable('agent_signups')
    .set({ code_asked_at: now, codes_asked: signup.codes_asked + 1 })
    .where('identity_id', '=', signup.identity_id)
    .execute()
  await addJob(tx, 'agent_signups.mail_code', { identity_id: signup.identity_id })
  return signup
}

export type PendingSignup = AgentSignup & { handle: string; address: string; display_name: string | null }

/** A human has few: no more than may wait for one. */
const pendingMax = 100

/**
 * The agents that wait for whoever is logged in, oldest first; none for a key, and for a member of another organization
 * than the operator's, whose address nobody vouches for: that human has the code.
 */
export async function pendingSignups(
  platform: Platform,
  principal: Principal,
  db: Db = platform.db,
): Promise<PendingSignup[]> {
  if (!(await isOfOperator(db, principal))) return []
  return await db
    .selectFrom('agent_signups')
    .innerJoin('users', 'users.email', 'human_email')
    .innerJoin('identities', 'identities.id', 'identity_id')
    .innerJoin('mailboxes', 'mailboxes.id', 'agent_signups.mailbox_id')
    .selectAll('agent_signups')
    .select(['handle', 'address', 'mailboxes.display_name'])
    .where(sql<boolean>`users.id = ${principal.userId}::uuid`)
    .where('claimed_at', 'is', null)
    .where('ends_at', '>', platform.clock.now())
    .orderBy('identity_id')
    .limit(pendingMax)
    .execute()
}

/** One of them. @throws Refusal agent_signup_not_found. */
export async function pendingSignup(
  platform: Platform,
  tx: Tx,
  principal: Principal,
  identityId: string,
): Promise<PendingSignup> {
  const pending = await pendingSignups(platform, principal, tx)
  const found = pending.find((one) => one.identity_id === identityId.toLowerCase())
  if (!found) throw new Refusal('agent_signup_not_found')
  return found
}

/**
 * Claims an agent that waits for whoever is logged in, who becomes an owner of its organization.
 * @throws Refusal agent_signup_not_found.
 */
export async function approveSignup(
  platform: Platform,
  tx: Tx,
  principal: Principal,
  identityId: string,
): Promise<AgentSignup> {
  const { identity_id: id } = await pendingSignup(platform, tx, principal, identityId)
  const signup = await lockOpen(tx, id)
  await claim(platform, tx, signup, `user:${principal.userId}`)
  return signup
}

/** Locked until the transaction ends: it is claimed once. @throws Refusal agent_signup_not_found. */
export async function lockOpen(tx: Tx, identityId: string): Promise<AgentSignup> {
  const signup = await tx
    .selectFrom('agent_signups')
    .selectAll()
    .where('identity_id', '=', identityId)
    .where('claimed_at', 'is', null)
    .forUpdate()
    .executeTakeFirst()
  if (!signup) throw new Refusal('agent_signup_not_found')
  return signup
}

/** Lifts what held it back. Its human becomes an owner of its organization, or is invited to be one. */
async function claim(platform: Platform, tx: Tx, signup: AgentSignup, by: string): Promise<void> {
  const { identity_id, mailbox_id, organization_id: organizationId, workspace_id: workspaceId } = signup
  const now = platform.clock.now()
  await tx
    .updateTable('agent_signups')
    .set({
      claimed_at: now,
      claimed_by: by,
      network: null,
      code_digest: null,
      code_key_id: null,
      code_expires_at: null,
      sends: [],
    })
    .where('identity_id', '=', identity_id)
    .execute()
  await appendEvents(platform, tx, [
    {
      type: 'agent_signup.claimed',
      organizationId,
      workspaceId,
      mailboxId: mailbox_id,
      data: { identity_id, mailbox_id, claimed_by: by },
    },
  ])
  const userId = await vouchedUserId(tx, signup.human_email)
  if (userId === null) return await addJob(tx, 'agent_signups.mail_invitation', { identity_id })
  await insertMember(platform, tx, { organizationId, userId, role: 'owner', workspaceIds: null })
}

/** Whether a person with that address logs in here. */
export async function hasAccount(db: Db, email: string): Promise<boolean> {
  const user = await db.selectFrom('users').select('id').where('email', '=', email).executeTakeFirst()
  return user !== undefined
}

/** Until when a new code holds. */
export function codeExpiry(now: Date): Date {
  return new Date(now.getTime() + signupLimits.codeHours * 3600_000)
}
