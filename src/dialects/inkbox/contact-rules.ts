/** Contact rules: whom mailboxes hear and write to, by identity, by mailbox as older clients have it, and all of them. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { type Static, type TSchema, type TString, Type } from 'typebox'
import { entriesOfAgents, entriesOfMailbox } from '../../delivery/spam/agent-entries.ts'
import {
  addNewSender,
  changeSender,
  getSender,
  mailboxLevel,
  removeSender,
  type SenderListEntry,
  type SenderListLevel,
} from '../../delivery/spam/sender-list-changes.ts'
import type { Db } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { administrators } from './callers.ts'
import {
  AllRulesQuery,
  IdentityRuleView,
  identityRuleView,
  MailboxRuleChangesBody,
  MailboxRuleView,
  mailboxRuleView,
  NewRuleBody,
  RuleChangesBody,
  RuleQuery,
  toFilter,
  toNewEntry,
  toRuleChange,
  toSlice,
} from './contact-rule-view.ts'
import { findIdentity, IdentityPath } from './identity-path.ts'
import { findMailbox, MailboxPath } from './mailbox-path.ts'
import { errors } from './schemas.ts'

/** Whose rules a path names. */
type Owner = {
  level: SenderListLevel
  identityId: string | null
}

/** Rules below a path: an identity's or a mailbox's. */
type Kind = {
  whose: string
  path: string
  params: Readonly<Record<string, TString>>
  View: TSchema
  ChangesBody: typeof MailboxRuleChangesBody | typeof RuleChangesBody
  /** Whether a change may pause a rule; where not, the field is unknown, and let pass. */
  pauses: boolean
  find(platform: Platform, request: FastifyRequest, db?: Db): Promise<Owner>
  view(entry: SenderListEntry, owner: Owner): unknown
}

const ruleId = { rule_id: Type.String({ description: 'Its id.' }) }

const ofIdentity: Kind = {
  whose: 'an identity',
  path: '/identities/:agent_handle/mail-contact-rules',
  params: IdentityPath.properties,
  View: IdentityRuleView,
  ChangesBody: RuleChangesBody,
  pauses: false,
  async find(platform, request, db = platform.db) {
    const { scope } = callerOf(request)
    const identity = await findIdentity(platform, scope, paramOf(request, 'agent_handle'), db)
    if (identity.mailbox_id === null) throw new Refusal('mailbox_not_found')
    return {
      level: await mailboxLevel(platform, scope, identity.mailbox_id, db),
      identityId: identity.id,
    }
  },
  view: (entry, { identityId }) => identityRuleView(entry, identityId ?? ''),
}

const ofMailbox: Kind = {
  whose: 'a mailbox',
  path: '/mail/mailboxes/:email_address/contact-rules',
  params: MailboxPath.properties,
  View: MailboxRuleView,
  ChangesBody: MailboxRuleChangesBody,
  pauses: true,
  async find(platform, request, db = platform.db) {
    const { scope } = callerOf(request)
    const mailbox = await findMailbox(platform, scope, paramOf(request, 'email_address'), db)
    return { level: await mailboxLevel(platform, scope, mailbox.id, db), identityId: null }
  },
  view: (entry) => mailboxRuleView(entry),
}

export function contactRuleRoutes(app: Api, platform: Platform): void {
  kindRoutes(app, platform, ofIdentity)
  void app.register(async (scope: FastifyInstance) => {
    // RFC 8594: superseded by the rules of identities.
    scope.addHook('onRequest', async (_request, reply) => void reply.header('sunset', mailboxRulesSunset))
    kindRoutes(scope.withTypeProvider(), platform, ofMailbox)
  })
  allRulesRoute(app, platform)
}

const mailboxRulesSunset = 'Mon, 31 Aug 2026 00:00:00 GMT'

function kindRoutes(app: Api, platform: Platform, kind: Kind): void {
  listRoute(app, platform, kind)
  createRoute(app, platform, kind)
  oneRoutes(app, platform, kind)
}

function listRoute(app: Api, platform: Platform, { whose, path, params, View, find, view }: Kind): void {
  app.get(
    path,
    {
      schema: {
        summary: `List the contact rules of ${whose}`,
        tags: ['Contact rules'],
        params: Type.Object(params),
        querystring: RuleQuery,
        response: { 200: Type.Array(View), ...errors(404) },
      },
    },
    async (request) => {
      const owner = await find(platform, request)
      const { level } = owner
      const filter = { ...toFilter(request.query), mailboxId: level.scopeId }
      const entries = await entriesOfMailbox(platform, level, filter, toSlice(request.query))
      return entries.map((entry) => view(entry, owner))
    },
  )
}

function createRoute(app: Api, platform: Platform, { whose, path, params, View, find, view }: Kind): void {
  app.post(
    path,
    {
      config: { admits: administrators },
      schema: {
        summary: `Add a contact rule to ${whose}`,
        tags: ['Contact rules'],
        params: Type.Object(params),
        body: NewRuleBody,
        response: { 201: View, ...errors(404, 409, 422) },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      const wanted = toNewEntry(request.body)
      const rule = await transact(platform, caller, async (tx) => {
        const owner = await find(platform, request, tx)
        return view(await addNewSender(platform, tx, caller.scope, owner.level, wanted), owner)
      })
      return reply.code(201).send(rule)
    },
  )
}

function oneRoutes(app: Api, platform: Platform, kind: Kind): void {
  const { whose, path, View, find, view } = kind
  const url = `${path}/:rule_id`
  const params = Type.Object({ ...kind.params, ...ruleId })
  const tags = ['Contact rules']
  const idOf = (request: FastifyRequest): string => paramOf(request, 'rule_id')
  app.get(
    url,
    {
      schema: {
        summary: `Get a contact rule of ${whose}`,
        tags,
        params,
        response: { 200: View, ...errors(404) },
      },
    },
    async (request) => {
      const owner = await find(platform, request)
      return view(shown(await getSender(platform.db, owner.level, idOf(request))), owner)
    },
  )
  app.patch(
    url,
    {
      config: { admits: administrators },
      schema: {
        summary: `Change a contact rule of ${whose}`,
        description: 'Type and target are fixed. `apply_to` parts a rule for both directions in two.',
        tags,
        params,
        body: kind.ChangesBody,
        response: { 200: View, ...errors(404, 422) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { change, keepsRest } = toRuleChange(kind.pauses ? request.body : withoutStatus(request.body))
      return await transact(platform, caller, async (tx) => {
        const owner = await find(platform, request, tx)
        const { id } = shown(await getSender(tx, owner.level, idOf(request)))
        const options = { keepsRest }
        return view(await changeSender(platform, tx, caller.scope, owner.level, id, change, options), owner)
      })
    },
  )
  app.delete(
    url,
    {
      config: { admits: administrators },
      schema: {
        summary: `Delete a contact rule of ${whose}`,
        tags,
        params,
        response: { 204: Type.Null(), ...errors(404) },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      await transact(platform, caller, async (tx) => {
        const { level } = await find(platform, request, tx)
        const { id } = shown(await getSender(tx, level, idOf(request)))
        await removeSender(platform, tx, caller.scope, level, id)
      })
      return reply.code(204).send(null)
    },
  )
}

function allRulesRoute(app: Api, platform: Platform): void {
  app.get(
    '/mail/contact-rules',
    {
      config: { admits: administrators },
      schema: {
        summary: 'List the contact rules of all identities',
        tags: ['Contact rules'],
        querystring: AllRulesQuery,
        response: { 200: Type.Array(IdentityRuleView), ...errors(422) },
      },
    },
    async (request) => {
      const { agent_identity_id: identityId = null, mailbox_id: mailboxId = null } = request.query
      const filter = { ...toFilter(request.query), identityId, mailboxId }
      const entries = await entriesOfAgents(platform, callerOf(request).scope, filter, toSlice(request.query))
      return entries.flatMap((entry) =>
        entry.identity_id === null ? [] : [identityRuleView(entry, entry.identity_id)],
      )
    },
  )
}

function withoutStatus({ action, direction, apply_to }: Static<typeof RuleChangesBody>) {
  return {
    ...(action === undefined ? {} : { action }),
    ...(direction === undefined ? {} : { direction }),
    ...(apply_to === undefined ? {} : { apply_to }),
  }
}

/** Patterns for all below a domain are made elsewhere, and have no form here. */
function shown(entry: SenderListEntry): SenderListEntry {
  if (entry.pattern.startsWith('.')) throw new Refusal('sender_list_entry_not_found')
  return entry
}

function paramOf(request: FastifyRequest, name: string): string {
  const { params } = request
  const value: unknown = typeof params === 'object' && params !== null ? Reflect.get(params, name) : undefined
  return typeof value === 'string' ? value : ''
}
