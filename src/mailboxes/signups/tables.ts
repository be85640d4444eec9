/** The table of agents that signed up by themselves, each for a human who may claim it. */
import type { Generated } from 'kysely'

export type AgentSignupsTable = {
  identity_id: string
  /** The provisional organization and its only workspace. */
  organization_id: string
  workspace_id: string
  mailbox_id: string
  /** The agent's first key. */
  api_key_id: string
  /** Whom the agent is for, in lower case. */
  human_email: string
  /** What the agent says to that human. */
  note: string
  /** The program that the agent runs in, as it calls itself. */
  harness: string | null
  /** From where it signed up; forgotten after a day. */
  network: string | null
  /** Of the code that was mailed last, under the vault's key; null while its mail is not written. */
  code_digest: Generated<Buffer | null>
  code_key_id: Generated<string | null>
  code_expires_at: Generated<Date | null>
  /** When a code was asked for last, and how many were. */
  code_asked_at: Date
  codes_asked: number
  /** Wrong ones since the last code. */
  wrong_codes: Generated<number>
  /** When it sent to a recipient, for those of the last day. */
  sends: Generated<Date[]>
  /** When it is removed, unless it is claimed before. */
  ends_at: Date
  claimed_at: Generated<Date | null>
  /** `code`, or `user:ID` of who approved it. */
  claimed_by: Generated<string | null>
  created_at: Date
}

declare module '../../platform/database.ts' {
  interface Tables {
    agent_signups: AgentSignupsTable
  }
}

declare module '../../platform/events.ts' {
  interface EventTypes {
    'agent_signup.created': { identity_id: string; handle: string; mailbox_id: string }
    'agent_signup.claimed': { identity_id: string; mailbox_id: string; claimed_by: string }
    'agent_signup.ended': {
      identity_id: string
      mailbox_id: string
      reason: 'rejected' | 'expired'
    }
  }
}
