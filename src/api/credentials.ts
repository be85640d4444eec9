/** GET /v1/mailboxes/{mailbox}/credentials and POST …/password: the primary password of a mailbox, shown and changed. */

import { type Static, Type } from 'typebox'
import { type Credentials, changePassword, viewCredentials } from '../mailboxes/credentials.ts'
import { emptyBodyIsObject } from '../platform/http/empty-body.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { apiLimits } from './limits.ts'
import { MailboxPath } from './mailbox-view.ts'
import { mutate } from './mutate.ts'
import { postProblems, readProblems } from './problem-view.ts'
import { type Api, closed, Nullable, noStore, OneOf } from './schemas.ts'

const ServerSettings = Type.Unsafe<{ host: string; port: number; security: 'tls' | 'starttls' } | null>({
  type: ['object', 'null'],
  properties: { host: Type.String(), port: Type.Integer(), security: OneOf(['tls', 'starttls']) },
  required: ['host', 'port', 'security'],
  description: 'Null when this node does not serve the protocol.',
})

const CredentialsView = Type.Object(
  {
    username: Type.String(),
    password: Type.String(),
    password_usable: Type.Boolean({
      description:
        'Whether mail clients log in with this password. Where they do not, they need an app password, or OAuth.',
    }),
    imap: ServerSettings,
    smtp: ServerSettings,
    pop3: ServerSettings,
  },
  { title: 'Credentials' },
)

const PasswordBody = Type.Object(
  {
    password: Type.Optional(
      Nullable(
        Type.String({ maxLength: apiLimits.passwordLengthMax }),
        'Default: a generated one of 144 bits.',
      ),
    ),
  },
  closed,
)

export function credentialRoutes(app: Api, platform: Platform): void {
  const tags = ['mailboxes']
  app.get(
    '/v1/mailboxes/:mailbox/credentials',
    {
      schema: {
        summary: 'Show what a mail client is set up with',
        description:
          'Every look is written to the event log. A key that may only read does not see passwords.',
        tags,
        params: MailboxPath,
        response: { 200: CredentialsView, ...readProblems('mailbox_not_found') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const seen = await viewCredentials(platform, tx, scopeOf(request), request.params.mailbox)
        return { status: 200, body: credentialsView(seen), headers: noStore }
      }),
  )
  app.post(
    '/v1/mailboxes/:mailbox/password',
    {
      preValidation: emptyBodyIsObject,
      schema: {
        summary: 'Change the password',
        description: 'To the given one, or to a generated one. IMAP and POP3 sessions end.',
        tags,
        params: MailboxPath,
        body: PasswordBody,
        response: { 200: CredentialsView, ...postProblems('mailbox_not_found', 'password_too_weak') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        const chosen = request.body.password ?? null
        const changed = await changePassword(platform, tx, scopeOf(request), request.params.mailbox, chosen)
        return { status: 200, body: credentialsView(changed), headers: noStore }
      }),
  )
}

function credentialsView({ passwordUsable, ...rest }: Credentials): Static<typeof CredentialsView> {
  return { ...rest, password_usable: passwordUsable }
}
