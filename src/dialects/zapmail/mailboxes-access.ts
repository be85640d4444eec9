/** One-time codes of mailboxes, those whose making failed, and consents, which nobody can give for them here. */
import { Type } from 'typebox'
import type { Scope } from '../../accounts/principals.ts'
import { listMailboxes } from '../../mailboxes/mailboxes.ts'
import { retryFailed } from '../../mailboxes/retry-failed.ts'
import { retryScheduledMailboxes } from '../../mailboxes/scheduled/scheduled-mailboxes.ts'
import { viewTotp } from '../../mailboxes/totp.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { requireMailbox, tags } from './mailboxes.ts'
import { DataOf, DoneView, dataOf, done, errors, Id, idsMax } from './schemas.ts'

const CodeQuery = Type.Object({
  mailboxId: Type.Optional(Id),
  domainId: Type.Optional(
    Type.String({ maxLength: 100, description: 'For the domain’s first active mailbox.' }),
  ),
})

export function mailboxAccessRoutes(app: Api, platform: Platform): void {
  app.get(
    '/v2/mailboxes/authenticator-code',
    {
      schema: {
        summary: 'Get the present one-time code of a mailbox',
        description: 'Where the workspace lets codes be shown (its mailbox settings in the native API).',
        tags,
        querystring: CodeQuery,
        response: { 200: DataOf(Type.Object({ code: Type.String() })), ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const code = await transact(platform, caller, async (tx) => {
        const id = await mailboxOfQuery(platform, tx, caller.scope, request.query)
        return codeOf(await viewTotp(platform, tx, caller.scope, id), caller.scope)
      })
      return dataOf('Authenticator code fetched successfully', { code })
    },
  )
  app.put(
    '/v2/mailboxes/retry-failed',
    {
      config: { providerRequired: true },
      schema: {
        summary: 'Try to make mailboxes again whose making failed',
        description: 'Those of these domains, all or none; they are paid as new ones are.',
        tags,
        body: Type.Object({ domainIds: Type.Array(Id, { minItems: 1, maxItems: idsMax }) }),
        response: { 200: DoneView, ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { domainIds } = request.body
      const { scope } = caller
      const count = await transact(platform, caller, async (tx) => {
        const made = await retryFailed(platform, tx, scope, domainIds)
        return made + (await retryScheduledMailboxes(platform, tx, scope, domainIds))
      })
      return done(count === 0 ? 'No mailboxes have failed' : 'Failed mailboxes will be retried shortly')
    },
  )
  app.post(
    '/v2/mailboxes/custom-oauth',
    {
      schema: {
        summary: 'Accept consents of mailboxes',
        description: 'Not offered: nobody clicks here for the owner of a mailbox.',
        tags,
        body: Type.Unknown(),
        response: errors(),
      },
    },
    async () => {
      throw new Refusal(
        'invalid_request',
        'Consents are not accepted here: open the link and log in with the mailbox.',
      )
    },
  )
}

async function mailboxOfQuery(
  platform: Platform,
  tx: Tx,
  scope: Scope,
  { mailboxId, domainId }: { mailboxId?: string; domainId?: string },
): Promise<string> {
  if (mailboxId !== undefined) return (await requireMailbox(platform, scope, mailboxId, tx)).id
  if (domainId === undefined) throw new Refusal('invalid_request', 'mailboxId or domainId is required')
  const filter = { domain: domainId, state: 'active' as const, search: null, tag: null }
  const { rows } = await listMailboxes(platform, scope, filter, { after: null, limit: 1 }, tx)
  const [first] = rows
  if (!first) throw new Refusal('mailbox_not_found')
  return first.id
}

function codeOf({ enabled, code }: Awaited<ReturnType<typeof viewTotp>>, { access }: Scope): string {
  if (code !== null) return code
  if (!enabled) throw new Refusal('invalid_request', 'The mailbox has no second factor.')
  if (access !== 'write') throw new Refusal('forbidden', 'This key may only read.')
  throw new Refusal(
    'invalid_request',
    'The workspace does not let codes be shown: totp_codes_shown of its mailbox settings is off.',
  )
}
