/** Signups of agents as clients see them. */
import { Type } from 'typebox'
import type { AgentSignup, PendingSignup } from '../../mailboxes/signups/claim.ts'
import { prefixedId } from './ids.ts'
import { Moment, orNull, Uuid } from './schemas.ts'

const ClaimStatus = Type.String({ description: '`agent_unclaimed` or `agent_claimed`.' })

export const SignedUpView = Type.Object({
  email_address: Type.String(),
  organization_id: Type.String({ description: 'Of its own.' }),
  api_key: Type.String({ description: 'Shown only now.' }),
  agent_handle: Type.String(),
  claim_status: ClaimStatus,
  human_email: Type.String(),
  message: Type.String(),
  invitation: Type.Null(),
})

export const ClaimView = Type.Object({
  claim_status: ClaimStatus,
  organization_id: Type.String(),
  message: Type.String(),
  invitation: Type.Null(),
})

export function claimView(
  status: 'agent_claimed' | 'agent_unclaimed',
  { workspace_id: id }: AgentSignup,
  message: string,
) {
  return {
    claim_status: status,
    organization_id: prefixedId('organization', id),
    message,
    invitation: null,
  }
}

export const StatusView = Type.Object({
  claim_status: ClaimStatus,
  human_state: Type.String({ description: '`human_no_account` or `human_has_account`.' }),
  human_email: Type.String(),
  restrictions: Type.Object({
    max_sends_per_day: Type.Integer({ description: 'Recipients in any 24 hours.' }),
    allowed_recipients: Type.Array(Type.String(), { description: 'Empty: everybody.' }),
    can_receive: Type.Boolean(),
    can_create_mailboxes: Type.Boolean(),
  }),
})

export const PendingView = Type.Object({
  agents: Type.Array(
    Type.Object({
      identity_id: Uuid,
      agent_handle: Type.String(),
      email_address: Type.String(),
      display_name: orNull(Type.String()),
      note_to_human: Type.String(),
      harness: orNull(Type.String()),
      created_at: Moment,
    }),
  ),
})

export function pendingView(signup: PendingSignup) {
  return {
    identity_id: signup.identity_id,
    agent_handle: signup.handle,
    email_address: signup.address,
    display_name: signup.display_name,
    note_to_human: signup.note,
    harness: signup.harness,
    created_at: signup.created_at.toISOString(),
  }
}
