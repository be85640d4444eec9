/** Credentials of a mailbox, its one-time code, and whether an address is free. Replies with a secret are not to be kept. */
import { Type } from 'typebox'
import type { Caller } from '../../mailboxes/callers.ts'
import { isAddressFree } from '../../mailboxes/free-addresses.ts'
import { getMailbox } from '../../mailboxes/mailboxes.ts'
import { viewSecrets } from '../../mailboxes/secrets.ts'
import { viewTotp } from '../../mailboxes/totp.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { Nullable } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { pathUid, requireUid } from './mailbox-uids.ts'
import { errors, Ok, ok, Uid } from './schemas.ts'

const tags = ['Mailboxes']
const noStore = { 'cache-control': 'no-store' } as const

const WhoseQuery = Type.Object({
  uid: Type.Optional(Uid),
  email: Type.Optional(Type.String({ maxLength: 320, description: 'One of the two is needed.' })),
})

const CredentialsView = Ok({
  password: Type.String(),
  secret: Nullable(Type.String(), 'Of the second factor, in base32.'),
  app_password: Nullable(Type.String(), 'What SMTP and IMAP take.'),
})

const TotpView = Ok({
  totp: Type.String({ pattern: '^[0-9]{6}$' }),
  expires_in: Type.Integer({ description: 'Seconds.' }),
})

export function credentialRoutes(app: Api, platform: Platform): void {
  for (const path of ['/mailboxes/show-credentials', '/mailboxes/:uid/credentials']) {
    credentialsRoute(app, platform, path)
  }
  for (const path of ['/mailboxes/:uid/totp', '/mailboxes/totp', '/mailboxes/generate-totp']) {
    totpRoute(app, platform, path)
  }
  for (const path of ['/mailboxes/availability', '/mailboxes/:uid/availability', '/mailboxes/available']) {
    availabilityRoute(app, platform, path)
  }
}

function credentialsRoute(app: Api, platform: Platform, path: string): void {
  app.get(
    path,
    {
      schema: {
        summary: 'Show the secrets of a mailbox',
        description: 'Each look is in the event log.',
        tags,
        querystring: WhoseQuery,
        response: { 200: CredentialsView, ...errors(400) },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      const ref = refOf(request)
      const secrets = await transact(platform, caller, async (tx) => {
        const { id } = await getMailbox(platform, caller.scope, ref, tx)
        return (await viewSecrets(platform, tx, caller.scope, [id])).get(id)
      })
      if (!secrets) throw new Refusal('mailbox_not_found')
      const { password, totpSecret: secret, appPassword } = secrets
      void reply.headers(noStore)
      return ok('Mailbox credentials retrieved successfully', { password, secret, app_password: appPassword })
    },
  )
}

function totpRoute(app: Api, platform: Platform, path: string): void {
  app.get(
    path,
    {
      schema: {
        summary: 'Show the present one-time code of a mailbox',
        description:
          'Where the workspace allows it: PUT /v1/workspaces/{id}/mailbox-settings, totp_codes_shown.',
        tags,
        querystring: WhoseQuery,
        response: { 200: TotpView, ...errors(400) },
      },
    },
    async (request, reply) => {
      const { totp, expires_in } = await codeOf(platform, callerOf(request), refOf(request))
      void reply.headers(noStore)
      return ok('TOTP generated successfully', { totp, expires_in })
    },
  )
}

/** @throws Refusal mailbox_not_found, invalid_request where there is no code, or none is shown; forbidden. */
async function codeOf(
  platform: Platform,
  caller: Caller,
  ref: string,
): Promise<{ totp: string; expires_in: number }> {
  const status = await transact(platform, caller, (tx) => viewTotp(platform, tx, caller.scope, ref))
  const { enabled, code: totp, secondsLeft: expires_in } = status
  if (!enabled) throw new Refusal('invalid_request', 'The mailbox has no second factor')
  if (totp !== null && expires_in !== null) return { totp, expires_in }
  if (caller.scope.access !== 'write') throw new Refusal('forbidden', 'This key may only read.')
  const text = 'Codes are not shown in this workspace: turn on totp_codes_shown of its mailbox settings'
  throw new Refusal('invalid_request', text)
}

function refOf({ params, query }: { params: unknown; query: { uid?: string; email?: string } }): string {
  const uid = pathUid(params) ?? query.uid
  if (uid !== undefined) return requireUid(uid)
  if (query.email === undefined) throw new Refusal('invalid_request', 'uid or email is required')
  // An address, and not another way to write a uid.
  if (!query.email.includes('@')) throw new Refusal('mailbox_not_found')
  return query.email
}

const AvailabilityQuery = Type.Object({
  username: Type.String({ minLength: 1, maxLength: 64 }),
  domain: Type.String({ minLength: 1, maxLength: 253, description: 'Its name.' }),
})

function availabilityRoute(app: Api, platform: Platform, path: string): void {
  app.get(
    path,
    {
      schema: {
        summary: 'Whether a mailbox of that name could be made',
        tags,
        querystring: AvailabilityQuery,
        response: { 200: Ok({ available: Type.Boolean() }), ...errors(400) },
      },
    },
    async (request) => {
      const { username: localPart, domain } = request.query
      const available = await isAddressFree(platform, callerOf(request).scope, { localPart, domain })
      return ok(available ? 'Mailbox is available' : 'Mailbox is not available', { available })
    },
  )
}
