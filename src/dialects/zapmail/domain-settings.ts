/** What is set for domains: DMARC reports, the redirect of browsers, copies of mail, the catch-all. */
import { Type } from 'typebox'
import { requireWrite } from '../../accounts/principals.ts'
import type { Domain } from '../../domains/domains.ts'
import { changeSettings } from '../../domains/settings.ts'
import type { SettingsChanges } from '../../domains/settings-input.ts'
import type { Caller } from '../../mailboxes/callers.ts'
import { putDomainForwarding } from '../../mailboxes/domain-forwarding.ts'
import { catchAllGoalOf, dropCatchAll, putCatchAll } from '../../mailboxes/extra-addresses.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { Contains, domainSelection, requireDomain, selectSome } from './domain-selection.ts'
import { providerOf } from './providers.ts'
import { DoneView, done, errors, Id, Ids } from './schemas.ts'

const Email = Type.String({ minLength: 3, maxLength: 254 })
const SelectionBody = Type.Object(domainSelection)
const EmailBody = Type.Object({ ...domainSelection, email: Email })
const ForwardBody = Type.Object({
  domainIds: Ids,
  forwardTo: Type.String({ minLength: 1, maxLength: 2000, description: 'A host, or a URL with https.' }),
  contains: Type.Optional(Contains),
  tagIds: Type.Optional(Ids),
})
const tags = ['domains']

export function domainSettingsRoutes(app: Api, platform: Platform): void {
  webRoutes(app, platform)
  mailRoutes(app, platform)
  app.post(
    '/v2/domains/add-client-id',
    {
      schema: {
        summary: 'Trust an OAuth client of Google’s on domains',
        description: 'Always refused: who runs the tenant at Google trusts it there.',
        tags,
        body: Type.Object({
          domainIds: Ids,
          clientId: Type.String({ maxLength: 500 }),
          app: Type.String({ maxLength: 200 }),
        }),
        response: errors(),
      },
    },
    async () => {
      throw new Refusal(
        'invalid_request',
        'This server has no Google tenant of its own to trust an application in. Programs log in with app passwords; a tenant that is connected trusts it in its own admin console.',
      )
    },
  )
}

function webRoutes(app: Api, platform: Platform): void {
  app.post(
    '/v2/domains/forwarding',
    {
      schema: {
        summary: 'Send browsers that come to domains elsewhere',
        description: 'Those that are named, or that the filters find; all of them, or none.',
        tags,
        body: ForwardBody,
        response: { 200: DoneView, ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { forwardTo, ...selection } = request.body
      const text = forwardTo.trim()
      const url = /^[a-z][a-z0-9+.-]*:/i.test(text) ? text : `https://${text}`
      const domains = await selectSome(platform, caller.scope, providerOf(request), selection)
      await changeAll(platform, caller, domains, { redirect: { url, status: 301, keepsPath: true } })
      return done('Domain forwarding added successfully')
    },
  )
  app.post(
    '/v2/domains/remove-forwarding',
    {
      schema: {
        summary: 'Take the redirect off a domain',
        tags,
        body: Type.Object({ domainId: Id }),
        response: { 200: DoneView, ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const domain = await requireDomain(platform, caller.scope, request.body.domainId)
      await changeAll(platform, caller, [domain], { redirect: null })
      return done('Domain forwarding removed successfully')
    },
  )
  app.post(
    '/v2/domains/dmarc',
    {
      config: { tellsForms: true },
      schema: {
        summary: 'Set who gets the DMARC reports of domains',
        description: 'Beside this platform. Those that are named, or that the filters find.',
        tags,
        body: EmailBody,
        response: { 200: DoneView, ...errors(422) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { email, ...selection } = request.body
      const domains = await selectSome(platform, caller.scope, providerOf(request), selection)
      await changeAll(platform, caller, domains, { dmarcReportAddress: email })
      return done('DMARC record added successfully')
    },
  )
}

async function changeAll(
  platform: Platform,
  caller: Caller,
  domains: readonly Domain[],
  changes: SettingsChanges,
): Promise<void> {
  await forAll(platform, caller, domains, async (tx, { id }) => {
    await changeSettings(platform, tx, caller.scope, id, changes, null)
  })
}

/** In one transaction, in the order that they are in. */
async function forAll(
  platform: Platform,
  caller: Caller,
  domains: readonly Domain[],
  change: (tx: Tx, domain: Domain) => Promise<void>,
): Promise<void> {
  requireWrite(caller.scope)
  await transact(platform, caller, async (tx) => {
    for (const domain of domains) await change(tx, domain)
  })
}

function mailRoutes(app: Api, platform: Platform): void {
  const kinds = [
    {
      path: '/v2/domains/email-forwarding',
      what: 'Send copies of all mail of domains to one address',
      without: 'Send no copies of the mail of domains any more',
      put: async (tx: Tx, { scope }: Caller, { id }: Domain, email: string) => {
        await putDomainForwarding(platform, tx, scope, id, email)
      },
      remove: async (tx: Tx, { scope }: Caller, { id }: Domain) => {
        await putDomainForwarding(platform, tx, scope, id, null)
      },
      name: 'Email forwarding',
    },
    {
      path: '/v2/domains/catch-all',
      what: 'Deliver mail for addresses that domains do not have to one address',
      without: 'Refuse mail for addresses that domains do not have',
      put: async (tx: Tx, { scope }: Caller, { id }: Domain, email: string) => {
        await putCatchAll(platform, tx, scope, id, await catchAllGoalOf(tx, scope, email))
      },
      remove: async (tx: Tx, { scope }: Caller, { id }: Domain) => {
        await dropCatchAll(platform, tx, scope, id)
      },
      name: 'Catch-all',
    },
  ] as const
  for (const { path, what, without, put, remove, name } of kinds) {
    app.post(
      path,
      {
        schema: {
          summary: what,
          description: 'Those that are named, or that the filters find; all of them, or none.',
          tags,
          body: EmailBody,
          response: { 200: DoneView, ...errors() },
        },
      },
      async (request) => {
        const caller = callerOf(request)
        const { email, ...selection } = request.body
        const domains = await selectSome(platform, caller.scope, providerOf(request), selection)
        await forAll(platform, caller, domains, (tx, domain) => put(tx, caller, domain, email))
        return done(`${name} enabled successfully`)
      },
    )
    app.delete(
      path,
      {
        schema: {
          summary: without,
          description: 'One that has none stays as it is.',
          tags,
          body: SelectionBody,
          response: { 200: DoneView, ...errors() },
        },
      },
      async (request) => {
        const caller = callerOf(request)
        const domains = await selectSome(platform, caller.scope, providerOf(request), request.body)
        await forAll(platform, caller, domains, (tx, domain) => remove(tx, caller, domain))
        return done(`${name} removed successfully`)
      },
    )
  }
}
