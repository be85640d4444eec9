/** Agents that sign up by themselves, and how their human claims them. */
import { Type } from 'typebox'
import { requireOrganization } from '../../accounts/principals.ts'
import { getWorkspace } from '../../accounts/workspaces.ts'
import { deliveryPolicyOf } from '../../delivery/policies.ts'
import {
  approveSignup,
  askForCode,
  claimByCode,
  hasAccount,
  ownSignup,
  pendingSignups,
} from '../../mailboxes/signups/claim.ts'
import { rejectSignup } from '../../mailboxes/signups/end.ts'
import { signUpAgent } from '../../mailboxes/signups/sign-up.ts'
import { unclaimedSendsPerDay } from '../../mailboxes/signups/unclaimed.ts'
import { transaction } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import {
  ClaimView,
  claimView,
  PendingView,
  pendingView,
  SignedUpView,
  StatusView,
} from './agent-signup-view.ts'
import type { AdmittedKind } from './callers.ts'
import { bareId, prefixedId } from './ids.ts'
import { errors } from './schemas.ts'

const SignupBody = Type.Object({
  human_email: Type.String({ format: 'email', maxLength: 254 }),
  note_to_human: Type.String({ maxLength: 2000 }),
  display_name: Type.Optional(Type.String({ minLength: 1, maxLength: 255 })),
  agent_handle: Type.Optional(Type.String({ maxLength: 100 })),
  email_local_part: Type.Optional(Type.String({ maxLength: 100, description: 'The handle.' })),
  harness: Type.Optional(Type.String({ maxLength: 255 })),
  invitation_token: Type.Optional(Type.String({ maxLength: 512 })),
})

const CodeBody = Type.Object({ verification_code: Type.String({ pattern: '^[0-9]{6}$' }) })
const ApproveBody = Type.Object({ organization_id: Type.String({ maxLength: 100 }) })
const IdentityPath = Type.Object({ identity_id: Type.String() })

const agents: readonly AdmittedKind[] = ['agent_key']
const people: readonly AdmittedKind[] = ['jwt']
const tags = ['Agent signup']

export function agentSignupRoutes(app: Api, platform: Platform): void {
  signupRoute(app, platform)
  codeRoutes(app, platform)
  statusRoute(app, platform)
  humanRoutes(app, platform)
}

function signupRoute(app: Api, platform: Platform): void {
  app.post(
    '/agent-signup',
    {
      config: { open: true },
      schema: {
        summary: 'Sign an agent up',
        description:
          'Makes an organization of its own, an identity in the shared domain and a key, and mails the human a code. Until the human has claimed it, the agent may write to that human alone.',
        tags,
        security: [],
        body: SignupBody,
        response: { 201: SignedUpView, ...errors(409, 422) },
      },
    },
    async (request, reply) => {
      const { body } = request
      const { agent_handle: asked = body.email_local_part ?? null } = body
      if ((body.email_local_part ?? asked) !== asked) throw notHere('email_local_part', 'must be the handle')
      if (body.invitation_token !== undefined) throw notHere('invitation_token', 'is not known here')
      const { identity, humanEmail, token } = await transaction(platform.db, (tx) =>
        signUpAgent(platform, tx, {
          humanEmail: body.human_email,
          note: body.note_to_human,
          displayName: body.display_name ?? null,
          handle: asked,
          harness: body.harness ?? null,
          remoteAddress: request.ip,
        }),
      )
      void reply.header('cache-control', 'no-store')
      return reply.code(201).send({
        email_address: identity.address,
        organization_id: prefixedId('organization', identity.workspace_id),
        api_key: token,
        agent_handle: identity.handle,
        claim_status: 'agent_unclaimed',
        human_email: humanEmail,
        message: `A code was mailed to ${humanEmail}. Ask your human for it.`,
        invitation: null,
      })
    },
  )
}

function notHere(field: string, detail: string): Refusal {
  return new Refusal('invalid_request', undefined, { fields: [{ pointer: `/${field}`, detail }] })
}

function codeRoutes(app: Api, platform: Platform): void {
  app.post(
    '/agent-signup/verify',
    {
      config: { admits: agents },
      schema: {
        summary: 'Claim the agent with the code',
        tags,
        body: CodeBody,
        response: { 200: ClaimView, ...errors(404, 410, 422) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { verification_code: code } = request.body
      const outcome = await transact(platform, caller, (tx) => claimByCode(platform, tx, caller.scope, code))
      if (outcome instanceof Refusal) throw outcome // after the commit, which has counted it
      return claimView('agent_claimed', outcome, 'The agent is claimed.')
    },
  )
  app.post(
    '/agent-signup/resend-verification',
    {
      config: { admits: agents },
      schema: { summary: 'Mail another code', tags, response: { 200: ClaimView, ...errors(404) } },
    },
    async (request) => {
      const caller = callerOf(request)
      const signup = await transact(platform, caller, (tx) => askForCode(platform, tx, caller.scope))
      return claimView('agent_unclaimed', signup, `A new code is on its way to ${signup.human_email}.`)
    },
  )
}

function statusRoute(app: Api, platform: Platform): void {
  app.get(
    '/agent-signup/status',
    {
      config: { admits: agents },
      schema: { summary: 'What holds the agent back', tags, response: { 200: StatusView, ...errors(404) } },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const signup = await ownSignup(platform.db, scope)
      const isOpen = signup.claimed_at === null
      const { workspace_id: workspaceId, mailbox_id: mailboxId } = signup
      const { mailbox_per_day: perDay } = await deliveryPolicyOf(platform, { workspaceId, mailboxId })
      const isKnown = await hasAccount(platform.db, signup.human_email)
      return {
        claim_status: isOpen ? 'agent_unclaimed' : 'agent_claimed',
        human_state: isKnown ? 'human_has_account' : 'human_no_account',
        human_email: signup.human_email,
        restrictions: {
          max_sends_per_day: isOpen ? unclaimedSendsPerDay : (perDay ?? noLimit),
          allowed_recipients: isOpen ? [signup.human_email] : [],
          can_receive: true,
          can_create_mailboxes: false, // no key of one identity can
        },
      }
    },
  )
}

/** In place of no limit: clients read a number. */
const noLimit = 2 ** 31 - 1

function humanRoutes(app: Api, platform: Platform): void {
  app.get(
    '/agent-signup/pending',
    {
      config: { admits: people },
      schema: { summary: 'Agents that wait for you', tags, response: { 200: PendingView, ...errors() } },
    },
    async (request) => {
      const pending = await pendingSignups(platform, callerOf(request).principal)
      return { agents: pending.map(pendingView) }
    },
  )
  app.post(
    '/agent-signup/:identity_id/approve',
    {
      config: { admits: people },
      schema: {
        summary: 'Claim an agent that waits for you',
        description: 'You become an owner of its organization, which the reply names.',
        tags,
        params: IdentityPath,
        body: ApproveBody,
        response: { 200: ClaimView, ...errors(404, 422) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const signup = await transact(platform, caller, async (tx) => {
        const { principal } = caller
        await getWorkspace(
          platform,
          principal,
          bareId('organization', request.body.organization_id) ?? '',
          tx,
        )
        requireOrganization(principal)
        return await approveSignup(platform, tx, principal, request.params.identity_id)
      })
      return claimView('agent_claimed', signup, 'The agent is claimed. You own its organization.')
    },
  )
  app.post(
    '/agent-signup/:identity_id/reject',
    {
      config: { admits: people },
      schema: {
        summary: 'Reject an agent that waits for you',
        description: 'It is gone at once, with its mailbox and its key.',
        tags,
        params: IdentityPath,
        response: { 204: Type.Null(), ...errors(404) },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      await transact(platform, caller, (tx) =>
        rejectSignup(platform, tx, caller.principal, request.params.identity_id),
      )
      return reply.code(204).send(null)
    },
  )
}
