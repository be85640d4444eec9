/** Accounts at sequencers, which exports go to: our connections, whose key comes as the password. */
import { type Static, Type } from 'typebox'
import { requireWorkspace, type Scope } from '../../accounts/principals.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { Nullable } from '../../platform/http/schema-kinds.ts'
import type { Platform } from '../../platform/platform.ts'
import {
  createSequencer,
  getSequencer,
  listSequencers,
  tryNewSequencer,
  trySequencerUpdate,
  updateSequencer,
} from '../../sequencers/connections.ts'
import type { PlatformName, SequencerSettings } from '../../sequencers/platforms.ts'
import { sequencerPolicy } from '../../sequencers/policy.ts'
import type { Sequencer } from '../../sequencers/rows.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { appOf, platformOf, platformWithAccounts } from './export-apps.ts'
import { line } from './fields.ts'
import { DataOf, DoneView, dataOf, done, errors, Id } from './schemas.ts'

const AccountView = Type.Object(
  {
    id: Type.String(),
    appName: Type.String(),
    email: Type.String({ description: 'The name of the connection.' }),
    error: Nullable(Type.String(), 'Why it does not work, in the sequencer’s own words.'),
  },
  { title: 'ThirdPartyAccount' },
)

const App = Type.String({ minLength: 1, maxLength: 50 })
const fields = {
  email: { ...line(200), description: 'What the account is called here.' },
  password: Type.String({ minLength: 1, maxLength: 1000, description: 'The API key of the account.' }),
  app: App,
  url: Type.Optional(Type.String({ maxLength: 500, description: 'EMAILBISON: where its API is.' })),
  clientId: Type.Optional(Type.String({ maxLength: 200, description: 'PIPL: the id of its workspace.' })),
  clientIdAppName: Type.Optional(Type.String({ maxLength: 200, description: 'Of no use here.' })),
}
const NewBody = Type.Object(fields)
const ChangeBody = Type.Object({ ...fields, accountId: Type.Optional(Id) })

const tags = ['export']

export function thirdPartyAccountRoutes(app: Api, platform: Platform): void {
  listRoute(app, platform)
  changeRoutes(app, platform)
  workspacesRoute(app, platform)
}

function listRoute(app: Api, platform: Platform): void {
  app.get(
    '/v2/exports/accounts/third-party',
    {
      schema: {
        summary: 'List the accounts at an app',
        tags,
        querystring: Type.Object({ app: App }),
        response: { 200: DataOf(Type.Object({ accounts: Type.Array(AccountView) })), ...errors() },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const rows = await accountsAt(platform, scope, platformOf(request.query.app))
      return dataOf('Third-party accounts fetched successfully', { accounts: rows.map(accountView) })
    },
  )
}

/** The connections of the workspace, the oldest first. @throws Refusal forbidden. */
export async function listAccounts(platform: Platform, scope: Scope): Promise<Sequencer[]> {
  requireWorkspace(scope)
  const page = { after: null, limit: sequencerPolicy.connectionsPerWorkspaceMax }
  const { rows } = await listSequencers(platform, scope, page)
  return rows.filter((row) => !row.delete_when_empty)
}

async function accountsAt(platform: Platform, scope: Scope, name: PlatformName): Promise<Sequencer[]> {
  return (await listAccounts(platform, scope)).filter((row) => row.platform === name)
}

function changeRoutes(app: Api, platform: Platform): void {
  app.post(
    '/v2/exports/accounts/third-party',
    {
      schema: {
        summary: 'Add an account at an app',
        description: 'The app is asked with the key first; what it does not take is not kept.',
        tags,
        body: NewBody,
        response: { 200: DoneView, ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { scope } = caller
      const { app: wanted, email: name, password: key } = request.body
      const of = platformWithAccounts(wanted)
      const given = settingsOf(of, request.body)
      const settings = await tryNewSequencer(platform, scope, { platform: of, key, settings: given })
      await transact(platform, caller, (tx) =>
        createSequencer(platform, tx, scope, { name, platform: of, settings, key }),
      )
      return done('Account added successfully')
    },
  )
  app.put(
    '/v2/exports/accounts/third-party',
    {
      schema: {
        summary: 'Change an account at an app',
        description:
          'Without its id: the one with this email, or the only one there is. Its key is tried first.',
        tags,
        body: ChangeBody,
        response: { 200: DoneView, ...errors() },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { scope } = caller
      const { email: name, password: key, app: wanted, accountId } = request.body
      const of = platformWithAccounts(wanted)
      const before = await accountFor(platform, scope, of, { accountId, email: name })
      const settings = { ...before.settings, ...settingsOf(of, request.body) }
      const update = await trySequencerUpdate(platform, scope, before.id, { name, key, settings })
      await transact(platform, caller, (tx) => updateSequencer(platform, tx, scope, before.id, update))
      return done('Account updated successfully')
    },
  )
}

/** @throws Refusal sequencer_not_found. */
async function accountFor(
  platform: Platform,
  scope: Scope,
  of: PlatformName,
  { accountId, email }: { accountId: string | undefined; email: string },
): Promise<Sequencer> {
  if (accountId) {
    const found = await getSequencer(platform, scope, accountId)
    if (found.platform !== of) throw new Refusal('sequencer_not_found')
    return found
  }
  const rows = await accountsAt(platform, scope, of)
  const named = rows.filter(({ name }) => name === email)
  const [only, ...others] = named.length > 0 ? named : rows
  if (only && others.length === 0) return only
  if (!only) throw new Refusal('sequencer_not_found')
  throw new Refusal('invalid_request', 'Several accounts may be meant: accountId says which.')
}

function settingsOf(
  of: PlatformName,
  { url, clientId }: Pick<Static<typeof NewBody>, 'url' | 'clientId'>,
): SequencerSettings {
  if (of === 'emailbison' && url) return { base_url: url }
  return of === 'plusvibe' && clientId ? { workspace_id: clientId } : {}
}

function workspacesRoute(app: Api, platform: Platform): void {
  app.get(
    '/v2/exports/fetch-workspaces',
    {
      schema: {
        summary: 'List the workspaces of an account at an app',
        description: 'A key is of one workspace there, which is shown where the account was told it (PIPL).',
        tags,
        querystring: Type.Object({ app: App, accountId: Type.Optional(Id) }),
        response: {
          200: DataOf(Type.Array(Type.Object({ id: Type.String(), name: Type.String() }))),
          ...errors(),
        },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const { app: wanted, accountId } = request.query
      const of = platformWithAccounts(wanted)
      const all = await accountsAt(platform, scope, of)
      const rows = !accountId ? all : [await accountFor(platform, scope, of, { accountId, email: '' })]
      const known = rows.flatMap(({ name, settings: { workspace_id: id } }) => (id ? [{ id, name }] : []))
      return dataOf('Workspaces fetched successfully', known)
    },
  )
}

function accountView({ id, platform, name, state, last_error }: Sequencer): Static<typeof AccountView> {
  const error = state === 'failing' ? (last_error ?? 'It does not work.') : null
  return { id, appName: appOf(platform), email: name, error }
}
