/** /v1/mailboxes/{mailbox}/login-lock: what wrong passwords have locked, seen and lifted. */
import { Type } from 'typebox'
import { getLoginLocks, liftLoginLocks } from '../mailboxes/login-lock.ts'
import type { Platform } from '../platform/platform.ts'
import { scopeOf } from './caller.ts'
import { MailboxPath } from './mailbox-view.ts'
import { mutate } from './mutate.ts'
import { readProblems, writeProblems } from './problem-view.ts'
import { type Api, Moment } from './schemas.ts'

const LoginLockView = Type.Object(
  {
    locked: Type.Boolean({ description: 'Whether any network is not let in at present.' }),
    networks: Type.Array(
      Type.Object({
        network: Type.String({ description: 'In CIDR form: an IPv4 address, or an IPv6 /64.' }),
        until: Moment,
      }),
      { description: 'The longest lock first.' },
    ),
  },
  { title: 'LoginLock' },
)

export function loginLockRoutes(app: Api, platform: Platform): void {
  const tags = ['mailboxes']
  app.get(
    '/v1/mailboxes/:mailbox/login-lock',
    {
      schema: {
        summary: 'Show from where a mailbox cannot be logged in to',
        description: 'After too many wrong passwords from a network, it is not let in for a time.',
        tags,
        params: MailboxPath,
        response: { 200: LoginLockView, ...readProblems('mailbox_not_found') },
      },
    },
    async (request) => {
      const locks = await getLoginLocks(platform, scopeOf(request), request.params.mailbox)
      return {
        locked: locks.length > 0,
        networks: locks.map(({ network, until }) => ({ network, until: until.toISOString() })),
      }
    },
  )
  app.delete(
    '/v1/mailboxes/:mailbox/login-lock',
    {
      schema: {
        summary: 'Let all networks log in to a mailbox again',
        description:
          'Forgets its wrong passwords. A network that is locked for every address, after guesses at many, stays locked.',
        tags,
        params: MailboxPath,
        response: { 204: Type.Null(), ...writeProblems('mailbox_not_found') },
      },
    },
    async (request, reply) =>
      mutate(platform, request, reply, async (tx) => {
        await liftLoginLocks(platform, tx, scopeOf(request), request.params.mailbox)
        return { status: 204, body: undefined }
      }),
  )
}
