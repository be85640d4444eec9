/** Aliases: further addresses of a mailbox, each with an id of its own. */
import { type Static, Type } from 'typebox'
import type { ExtraAddress } from '../../mailboxes/address-rows.ts'
import { type AliasOrder, findAliasWithin, pageAliases } from '../../mailboxes/alias-pages.ts'
import { addAlias, removeAlias, updateAlias } from '../../mailboxes/aliases.ts'
import { findMailboxWithin } from '../../mailboxes/mailbox-pages.ts'
import type { Api } from '../../platform/http/app.ts'
import { OneOf } from '../../platform/http/schema-kinds.ts'
import { changeIn, reachIn, type Served } from './caller.ts'
import { errors, Id, listQuery, Moment, orderOf, PathId, pageOf } from './schemas.ts'
import { type AliasStatus, aliasStatuses, statusOfAlias } from './states.ts'
import { microseconds } from './times.ts'

const AliasView = Type.Object(
  {
    id: Id,
    email: Type.String(),
    mailbox_id: Id,
    description: Type.String(),
    status: OneOf(aliasStatuses, 'unknown_status: it is turned off, and its mail is refused.'),
    created_at: Moment,
    updated_at: Moment,
  },
  { title: 'Alias' },
)

const Description = Type.Optional(Type.String({ maxLength: 128 }))
const newAlias = { local_part: Type.String({ minLength: 1, maxLength: 64 }), description: Description }

const orders = ['created_at', 'updated_at', 'name'] as const
const columns: Readonly<Record<string, AliasOrder['by']>> = {
  created_at: 'created_at',
  updated_at: 'updated_at',
  name: 'address',
}

const AliasesQuery = listQuery(orders, 100, {
  mailbox_id: Type.Optional(Id),
  status: Type.Optional(OneOf(aliasStatuses)),
})

const AliasesView = Type.Object({ total_count: Type.Integer(), aliases: Type.Array(AliasView) })

const AliasPath = Type.Object({ alias_id: PathId })

const tags = ['aliases']
const path = '/mailbox/v1alpha1/aliases'

export function aliasRoutes(app: Api, served: Served): void {
  const { platform } = served
  app.get(
    path,
    {
      config: { resource: 'alias' },
      schema: {
        summary: 'List aliases',
        tags,
        querystring: AliasesQuery,
        response: { 200: AliasesView, ...errors(400) },
      },
    },
    async (request) => {
      const { query } = request
      const { mailbox_id: mailboxId = null, status = 'unknown_status' } = query
      // None of ours is ever being made or deleted.
      if (status === 'provisioning' || status === 'deleting') return { total_count: 0, aliases: [] }
      const filter = { mailboxId, enabled: status === 'ready' ? true : null }
      const order = orderOf(query.order_by, columns, 'created_at')
      const reach = reachIn(request, query.project_id)
      const { rows, total } = await pageAliases(platform.db, reach, filter, order, pageOf(query))
      return { total_count: total, aliases: rows.map((alias) => aliasView(alias)) }
    },
  )
  app.get(
    `${path}/:alias_id`,
    {
      config: { resource: 'alias' },
      schema: {
        summary: 'Get an alias',
        tags,
        params: AliasPath,
        response: { 200: AliasView, ...errors(404) },
      },
    },
    async (request) =>
      aliasView(await findAliasWithin(platform.db, reachIn(request), request.params.alias_id)),
  )
  createRoutes(app, served)
  changeRoutes(app, served)
}

function createRoutes(app: Api, served: Served): void {
  const response = { 200: AliasView, ...errors(400, 404, 409) }
  const summary = 'Give a mailbox another address, in its domain'
  app.post(
    path,
    {
      config: { resource: 'alias' },
      schema: { summary, tags, body: Type.Object({ mailbox_id: Id, ...newAlias }), response },
    },
    async (request) => await createAlias(served, request, request.body.mailbox_id, request.body),
  )
  app.post(
    '/mailbox/v1alpha1/mailboxes/:mailbox_id/aliases',
    {
      config: { resource: 'alias' },
      schema: {
        summary,
        description: 'As clients of June 2026 called it.',
        deprecated: true,
        tags,
        params: Type.Object({ mailbox_id: PathId }),
        body: Type.Object(newAlias),
        response,
      },
    },
    async (request) => await createAlias(served, request, request.params.mailbox_id, request.body),
  )
}

async function createAlias(
  served: Served,
  request: Parameters<typeof reachIn>[0],
  mailboxId: string,
  { local_part, description = '' }: { local_part: string; description?: string },
): Promise<Static<typeof AliasView>> {
  const { platform } = served
  const mailbox = await findMailboxWithin(platform.db, reachIn(request), mailboxId)
  const domain = mailbox.address.slice(mailbox.address.lastIndexOf('@') + 1)
  const text = description === '' ? null : description
  const alias = await changeIn(served, request, mailbox.workspace_id, (tx, scope) =>
    addAlias(platform, tx, scope, mailbox.id, `${local_part}@${domain}`, text),
  )
  return aliasView(alias)
}

function changeRoutes(app: Api, served: Served): void {
  const { platform } = served
  app.patch(
    `${path}/:alias_id`,
    {
      config: { resource: 'alias' },
      schema: {
        summary: 'Change the description of an alias',
        tags,
        params: AliasPath,
        body: Type.Object({ description: Description }),
        response: { 200: AliasView, ...errors(400, 404) },
      },
    },
    async (request) => {
      const alias = await findAliasWithin(platform.db, reachIn(request), request.params.alias_id)
      const { description } = request.body
      if (description === undefined) return aliasView(alias)
      const changes = { description: description === '' ? null : description }
      const changed = await changeIn(served, request, alias.workspace_id, (tx, scope) =>
        updateAlias(platform, tx, scope, alias.mailbox_id, alias.address, changes),
      )
      return aliasView(changed)
    },
  )
  app.delete(
    `${path}/:alias_id`,
    {
      config: { resource: 'alias' },
      schema: {
        summary: 'Take an alias away',
        tags,
        params: AliasPath,
        response: { 200: AliasView, ...errors(404, 409) },
      },
    },
    async (request) => {
      const alias = await findAliasWithin(platform.db, reachIn(request), request.params.alias_id)
      const gone = await changeIn(served, request, alias.workspace_id, (tx, scope) =>
        removeAlias(platform, tx, scope, alias.mailbox_id, alias.address),
      )
      return aliasView({ ...gone, alias_updated_at: platform.clock.now() }, 'deleting')
    },
  )
}

function aliasView(
  alias: ExtraAddress,
  status: AliasStatus = statusOfAlias(alias),
): Static<typeof AliasView> {
  const { alias_id: id, mailbox_id, address, description, created_at, alias_updated_at } = alias
  if (id === null || mailbox_id === null) throw new Error(`${address} is no alias`)
  return {
    id,
    email: address,
    mailbox_id,
    description: description ?? '',
    status,
    created_at: microseconds(created_at),
    updated_at: microseconds(alias_updated_at ?? created_at),
  }
}
