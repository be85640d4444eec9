/**
 * What the human of an agent that signed up by itself is mailed, from the agent's own address. No copy stays in its Sent
 * folder: the agent is to learn the code from its human.
 */
import { randomInt } from 'node:crypto'
import { insertInvitation, newInvitationToken } from '../../accounts/invitations.ts'
import { lockMembers } from '../../accounts/member-managers.ts'
import { type AgentSignup, codeDigest, codeExpiry, hasAccount } from '../../mailboxes/signups/claim.ts'
import { signupLimits } from '../../mailboxes/signups/limits.ts'
import { requireNoAgent } from '../../mailboxes/signups/sign-up.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import { type Tx, transaction } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Platform } from '../../platform/platform.ts'
import { publicUrl } from '../bounces/unsubscribe.ts'
import { writeDelivery } from '../commit-lane.ts'
import { composeMessage } from './compose.ts'
import { admitRecipients, resolveRecipients } from './judge-recipients.ts'
import { planSubmission, requireServed } from './submit.ts'

type Letter = {
  subject: string
  text: string
  /** In the transaction that sends it. @returns whether it is still to be sent. */
  settle(tx: Tx): Promise<boolean>
}

/** Makes a code and mails it; it replaces the one before. Does nothing for an agent that is claimed or gone. */
export async function mailCode(platform: Platform, identityId: string): Promise<void> {
  await mail(platform, identityId, false, async (signup, mailbox) => {
    const code = String(randomInt(1_000_000)).padStart(6, '0')
    return {
      subject: `${mailbox.address} asks for your confirmation`,
      text: codeText(signup, mailbox, code),
      settle: (tx) => keepCode(platform, tx, signup, code),
    }
  })
}

async function keepCode(
  platform: Platform,
  tx: Tx,
  { identity_id: id }: AgentSignup,
  code: string,
): Promise<boolean> {
  const { numUpdatedRows: count } = await tx
    .updateTable('agent_signups')
    .set({
      code_digest: codeDigest(platform, id, code),
      code_key_id: platform.vault.keyId,
      code_expires_at: codeExpiry(platform.clock.now()),
      wrong_codes: 0,
    })
    .where('identity_id', '=', id)
    .where('claimed_at', 'is', null)
    .executeTakeFirst()
  return count === 1n
}

/** Invites whoever has claimed an agent, and is no user here, to own its organization. */
export async function mailInvitation(platform: Platform, identityId: string): Promise<void> {
  await mail(platform, identityId, true, async (signup, mailbox) => {
    const token = newInvitationToken()
    return {
      subject: `${mailbox.address} is yours`,
      text: invitationText(platform, mailbox, token.token),
      async settle(tx) {
        const organizationId = signup.organization_id
        await lockMembers(tx, organizationId)
        if (await hasAccount(tx, signup.human_email)) return false
        const by = { organizationId, party: `api_key:${signup.api_key_id}` }
        const wanted = { email: signup.human_email, role: 'owner', workspaceIds: null } as const
        await insertInvitation(platform, tx, by, wanted, token)
        return true
      },
    }
  })
}

/** What is refused for good is only logged: the agent can ask for another mail. */
async function mail(
  platform: Platform,
  identityId: string,
  isClaimed: boolean,
  write: (signup: AgentSignup, mailbox: Mailbox) => Promise<Letter>,
): Promise<void> {
  try {
    await send(platform, identityId, isClaimed, write)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    platform.log.warn({ event: 'agent_signup.not_mailed', identity_id: identityId, code: error.code })
  }
}

async function send(
  platform: Platform,
  identityId: string,
  isClaimed: boolean,
  write: (signup: AgentSignup, mailbox: Mailbox) => Promise<Letter>,
): Promise<void> {
  const { db } = platform
  const signup = await db
    .selectFrom('agent_signups')
    .selectAll()
    .where('identity_id', '=', identityId)
    .executeTakeFirst()
  if (!signup || (signup.claimed_at !== null) !== isClaimed) return
  const { human_email: human, mailbox_id: id } = signup
  await requireNoAgent(db, human)
  const mailbox = await db.selectFrom('mailboxes').selectAll().where('id', '=', id).executeTakeFirstOrThrow()
  await requireServed(db, mailbox)
  const recipients = await resolveRecipients(platform, mailbox, [{ text: human, pointer: '/human_email' }])
  await admitRecipients(platform, mailbox, recipients)
  const { subject, text, settle } = await write(signup, mailbox)
  const from = { address: mailbox.address, name: mailbox.display_name }
  const { raw } = await composeMessage(from, platform.clock.now(), {
    to: [{ address: human, name: null }],
    cc: [],
    bcc: [],
    replyTo: [],
    subject,
    text,
    html: null,
    headers: { 'Auto-Submitted': 'auto-generated' }, // RFC 3834 §5: no vacation notice repeats it to the agent
    attachments: [],
  })
  const delivery = await planSubmission(platform, mailbox, raw, recipients)
  await transaction(db, async (tx) => {
    if (await settle(tx)) await writeDelivery(platform, tx, delivery)
  })
}

function codeText({ note, harness }: AgentSignup, mailbox: Mailbox, code: string): string {
  const runs = harness === null ? '' : ` It says that it runs in ${oneLine(harness)}.`
  return [
    `A program has made itself the address ${mailbox.address} and named you as its human.${runs}`,
    '',
    'If you know it, give it this code:',
    '',
    `    ${code}`,
    '',
    `The code holds for ${signupLimits.codeHours} hours. Whoever gives it to the program takes charge of it, and it may then`,
    'write to anybody. If you do not know it, do nothing: it can write to you alone, and is removed',
    `after ${signupLimits.days} days.`,
    ...(note.trim() === '' ? [] : ['', 'The program says, in its own words:', '', ...quoted(note)]),
    '',
  ].join('\r\n')
}

function invitationText(platform: Platform, mailbox: Mailbox, token: string): string {
  return [
    `You have taken charge of ${mailbox.address}. To become the owner of its organization, choose a password within`,
    'seven days:',
    '',
    `    curl ${publicUrl(platform)}/v1/invitations/accept -H 'Content-Type: application/json' \\`,
    `      -d '{"token": "${token}", "password": "..."}'`,
    '',
    'You log in with this address of yours and that password. Whoever has this mail can do it in your place.',
    '',
  ].join('\r\n')
}

/** Each line marked, so that nothing of it passes for ours. */
function quoted(text: string): string[] {
  return text
    .split(/\r\n|[\n\r\v\f\u0085\u2028\u2029]/)
    .map((line) => `> ${line.replaceAll(/\p{Cc}/gu, ' ')}`)
}

function oneLine(text: string): string {
  return JSON.stringify(text.replaceAll(/\s+/g, ' ').trim())
}
