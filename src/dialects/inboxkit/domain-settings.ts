/** What domains are set up with: where browsers are sent, DMARC, and where mail goes that no mailbox is for. */
import { Type } from 'typebox'
import { changeSettings } from '../../domains/settings.ts'
import type { SettingsChanges } from '../../domains/settings-input.ts'
import type { Caller } from '../../mailboxes/callers.ts'
import { putDomainForwarding } from '../../mailboxes/domain-forwarding.ts'
import { catchAllGoalOf, dropCatchAll, putCatchAll } from '../../mailboxes/extra-addresses.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { OneOf } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { inLockOrder, type NamedDomains, objectId, requireNamed } from './domain-finding.ts'
import { DomainName } from './domains.ts'
import { Email } from './registrations.ts'
import { closed, DoneView, done, errors, Ok, ok, Uid, uidsMax } from './schemas.ts'

const SomeUids = Type.Array(Uid, { minItems: 1, maxItems: uidsMax })
const tags = ['Domains']
const replies = { 200: DoneView, ...errors(400) }

export function domainSettingsRoutes(app: Api, platform: Platform): void {
  forwardingRoute(app, platform)
  dmarcRoutes(app, platform)
  catchAllRoutes(app, platform)
  emailForwardingRoutes(app, platform)
}

/** Changes settings of all domains that a body names, or of none. */
async function change(
  platform: Platform,
  caller: Caller,
  named: NamedDomains,
  changes: SettingsChanges,
): Promise<{ id: string; name: string }[]> {
  return await transact(platform, caller, async (tx) => {
    const domains = await requireNamed(tx, caller.scope, named)
    for (const { id } of inLockOrder(domains)) {
      await changeSettings(platform, tx, caller.scope, id, changes, null)
    }
    return domains
  })
}

function forwardingRoute(app: Api, platform: Platform): void {
  app.post(
    '/domains/forwarding',
    {
      schema: {
        summary: 'Send browsers that come to domains to a URL',
        tags,
        body: Type.Object(
          {
            uids: SomeUids,
            forwarding_url: Type.String({ maxLength: 2000, description: 'Empty: nowhere any more.' }),
          },
          closed,
        ),
        response: {
          200: Ok({
            domains: Type.Array(Type.Object({ _id: Type.String(), name: Type.String(), uid: Type.String() })),
          }),
          ...errors(400),
        },
      },
    },
    async (request) => {
      const { uids, forwarding_url: url } = request.body
      const redirect = url === '' ? null : { url, status: 301 as const, keepsPath: true }
      const changed = await change(platform, callerOf(request), { uids }, { redirect })
      const domains = changed.map(({ id, name }) => ({ _id: objectId(id), name, uid: id }))
      const message = url === '' ? 'Domain forwarding removed' : 'Domain forwarding configured successfully'
      return ok(message, { domains })
    },
  )
}

function dmarcRoutes(app: Api, platform: Platform): void {
  const named = { uids: Type.Optional(SomeUids), domain: Type.Optional(DomainName) }
  const Rua = Type.String({ maxLength: 261, description: 'An address, with or without `mailto:`.' })
  app.post(
    '/domains/dmarc',
    {
      schema: {
        summary: 'Set the policy of domains’ DMARC records, and who gets reports',
        description: 'This server gets the reports in any case. What is left out stays.',
        tags,
        body: Type.Object(
          {
            ...named,
            policy: Type.Optional(OneOf(['none', 'quarantine', 'reject'])),
            rua: Type.Optional(Rua),
            email: Type.Optional(Rua),
          },
          closed,
        ),
        response: replies,
      },
    },
    async (request) => {
      const { policy, rua, email, ...names } = request.body
      const address = (rua ?? email)?.replace(/^mailto:/i, '')
      if (policy === undefined && address === undefined) {
        throw new Refusal('invalid_request', 'policy, rua or email is required')
      }
      await change(platform, callerOf(request), names, {
        ...(policy === undefined ? {} : { dmarcPolicy: policy }),
        ...(address === undefined ? {} : { dmarcReportAddress: address === '' ? null : address }),
      })
      return done('DMARC configured successfully')
    },
  )
  app.delete(
    '/domains/dmarc',
    {
      schema: {
        summary: 'Put DMARC of domains back to how it is by itself',
        description: 'A record without a policy, with reports for this server alone.',
        tags,
        body: Type.Object(named, closed),
        response: replies,
      },
    },
    async (request) => {
      const changes = { dmarcPolicy: 'none', dmarcReportAddress: null } as const
      await change(platform, callerOf(request), request.body, changes)
      return done('DMARC configuration removed')
    },
  )
}

/** Sends mail for addresses that the domains do not have to one address. */
async function catchAll(
  platform: Platform,
  caller: Caller,
  uids: readonly string[],
  address: string,
): Promise<void> {
  const { scope } = caller
  await transact(platform, caller, async (tx) => {
    const domains = await requireNamed(tx, scope, { uids })
    const goal = await catchAllGoalOf(tx, scope, address)
    for (const { id } of inLockOrder(domains)) await putCatchAll(platform, tx, scope, id, goal)
  })
}

/** A domain without a catch-all stays so. */
async function endCatchAll(platform: Platform, caller: Caller, uids: readonly string[]): Promise<void> {
  const { scope } = caller
  await transact(platform, caller, async (tx) => {
    for (const { id } of inLockOrder(await requireNamed(tx, scope, { uids })))
      await dropCatchAll(platform, tx, scope, id)
  })
}

function catchAllRoutes(app: Api, platform: Platform): void {
  app.post(
    '/domains/catch-all',
    {
      schema: {
        summary: 'Deliver mail for addresses that domains do not have to one address',
        tags,
        body: Type.Object({ uids: SomeUids, email: Email }, closed),
        response: replies,
      },
    },
    async (request) => {
      const { uids, email } = request.body
      await catchAll(platform, callerOf(request), uids, email)
      return done('Catch-all configured successfully')
    },
  )
  app.delete(
    '/domains/catch-all',
    {
      schema: {
        summary: 'Refuse mail for addresses that domains do not have',
        tags,
        body: Type.Object({ uids: SomeUids }, closed),
        response: replies,
      },
    },
    async (request) => {
      await endCatchAll(platform, callerOf(request), request.body.uids)
      return done('Catch-all removed')
    },
  )
}

function emailForwardingRoutes(app: Api, platform: Platform): void {
  const named = { uids: Type.Optional(SomeUids) }
  app.post(
    '/domains/email-forwarding',
    {
      schema: {
        summary: 'Send copies of the mail of domains to an address',
        description: 'Their mailboxes keep it, and their own forwarding stays as it is.',
        tags,
        body: Type.Object({ ...named, forwarding_email: Type.Optional(Email) }, closed),
        response: replies,
      },
    },
    async (request) => {
      const { uids = [], forwarding_email: address } = request.body
      if (address === undefined) throw new Refusal('invalid_request', 'forwarding_email is required')
      await forwardMail(platform, callerOf(request), uids, address)
      return done('Email forwarding configured successfully')
    },
  )
  app.delete(
    '/domains/email-forwarding',
    {
      schema: {
        summary: 'Send no copies of the mail of domains any more',
        tags,
        body: Type.Object(named, closed),
        response: replies,
      },
    },
    async (request) => {
      await forwardMail(platform, callerOf(request), request.body.uids ?? [], null)
      return done('Email forwarding removed')
    },
  )
}

/** Of all the domains, or of none. @param target null: nowhere. */
async function forwardMail(
  platform: Platform,
  caller: Caller,
  uids: readonly string[],
  target: string | null,
): Promise<void> {
  await transact(platform, caller, async (tx) => {
    const domains = await requireNamed(tx, caller.scope, { uids })
    for (const { id } of inLockOrder(domains)) {
      await putDomainForwarding(platform, tx, caller.scope, id, target)
    }
  })
}
