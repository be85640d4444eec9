/** Exports: mailboxes brought to sequencers, or made into a file. */
import { type Static, Type } from 'typebox'
import type { Scope } from '../../accounts/principals.ts'
import { getWorkspace } from '../../accounts/workspaces.ts'
import { publicUrl } from '../../delivery/bounces/unsubscribe.ts'
import { type MailboxState, mailboxStates } from '../../mailboxes/lifecycle.ts'
import { selectMailboxes } from '../../mailboxes/selection.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import { Nullable, OneOf } from '../../platform/http/schema-kinds.ts'
import { numberOfId } from '../../platform/id-numbers.ts'
import type { Platform } from '../../platform/platform.ts'
import { type Export, getExportByNumber, listExportItems } from '../../sequencers/export-pages.ts'
import { createExport } from '../../sequencers/exports.ts'
import { exportFile } from '../../sequencers/files.ts'
import { type PlatformName, sequencerPlatforms } from '../../sequencers/platforms.ts'
import { sequencerPolicy } from '../../sequencers/policy.ts'
import type { Sequencer } from '../../sequencers/rows.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { appOf, platformOf } from './export-apps.ts'
import { containsInput } from './fields.ts'
import { type Provider, productsOf, providerOf } from './providers.ts'
import { DataOf, dataOf, errors, Id, noStore } from './schemas.ts'
import { statusOfState } from './statuses.ts'
import { listAccounts } from './third-party-accounts.ts'

const tags = ['export']
const { mailboxesPerExportMax } = sequencerPolicy

const ManyIds = Type.Optional(Type.Array(Id, { maxItems: mailboxesPerExportMax }))
const ExportBody = Type.Object({
  apps: Type.Array(Type.String({ minLength: 1, maxLength: 50 }), { minItems: 1, maxItems: 20 }),
  ids: ManyIds,
  excludeIds: ManyIds,
  tagIds: ManyIds,
  contains: containsInput,
  status: Type.Optional(Type.String({ maxLength: 50, description: 'Empty: those that are ACTIVE.' })),
  thirdPartyAccountId: Type.Optional(Id),
})
type Filters = Pick<Static<typeof ExportBody>, 'ids' | 'excludeIds' | 'tagIds' | 'contains' | 'status'>

export const exportStatuses = ['STARTED', 'COMPLETED', 'FAILED'] as const
export type ExportStatus = (typeof exportStatuses)[number]

export function exportRoutes(app: Api, platform: Platform): void {
  createRoute(app, platform)
  statusRoute(app, platform)
  fileRoute(app, platform)
}

function createRoute(app: Api, platform: Platform): void {
  app.post(
    '/v2/exports/mailboxes',
    {
      bodyLimit: 2 ** 21,
      schema: {
        summary: 'Export mailboxes to apps or to a file',
        description:
          'Those that are named, or those of the provider that the filters select. MANUAL, and an app that takes files only, makes a CSV file at `csvExportedLink`, which is fetched with the same key.',
        tags,
        body: ExportBody,
        response: {
          200: DataOf(
            Type.Object({
              exportId: Type.Integer({ description: 'Of the first app.' }),
              exportIds: Type.Array(Type.Integer(), { description: 'In the order of the apps.' }),
              csvExportedLink: Type.Optional(Type.String()),
            }),
          ),
          ...errors(),
        },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { scope } = caller
      const { apps, thirdPartyAccountId, ...filters } = request.body
      const names = [...new Set(apps.map(platformOf))]
      const accounts = await listAccounts(platform, scope)
      const targets = names.map((name) => exportTargetOf(accounts, name, thirdPartyAccountId))
      const isNamed = ({ sequencerId }: Target): boolean => sequencerId === thirdPartyAccountId?.toLowerCase()
      if (thirdPartyAccountId && !targets.some(isNamed)) throw new Refusal('sequencer_not_found')
      const ids = await transact(platform, caller, async (tx) => {
        const refs = filters.ids?.length
          ? left(filters.ids, filters.excludeIds)
          : await selected(tx, scope, providerOf(request), filters)
        const made = new Map<Target, string>()
        for (const target of inOrder(targets)) {
          const wanted = { ...target, method: null, choice: { refs } }
          made.set(target, (await createExport(platform, tx, scope, wanted)).row.id)
        }
        return targets.flatMap((target) => made.get(target) ?? [])
      })
      const file = ids.find((_, at) => targets[at]?.sequencerId === null)
      const numbers = ids.map(numberOfId)
      return dataOf('Mailboxes export is started. It may take sometime to export', {
        exportId: numbers[0] ?? 0,
        exportIds: numbers,
        ...(file === undefined ? {} : { csvExportedLink: linkOf(platform, scope, file) }),
      })
    },
  )
}

function left(ids: readonly string[], without: readonly string[] = []): string[] {
  const gone = new Set(without.map((id) => id.toLowerCase()))
  return ids.filter((id) => !gone.has(id.toLowerCase()))
}

/** What the filters select; with `ids` empty or left out. */
async function selected(
  db: Parameters<typeof selectMailboxes>[0],
  scope: Scope,
  provider: Provider,
  { excludeIds = [], tagIds = [], contains = '', status = '' }: Filters,
): Promise<string[]> {
  const wanted = status === '' ? 'ACTIVE' : status.toUpperCase()
  const states = mailboxStates.filter(
    (state): state is MailboxState => state !== 'deleted' && statusOfState[state] === wanted,
  )
  const selection = {
    search: contains,
    states,
    products: productsOf[provider],
    domainTagIds: tagIds,
    without: excludeIds,
  }
  return await selectMailboxes(db, scope, selection, mailboxesPerExportMax + 1)
}

type Target = { sequencerId: string | null; platform: PlatformName | null }

/** Connections are locked in one order, whoever asks for several. */
function inOrder(targets: readonly Target[]): Target[] {
  return [...targets].sort((a, b) => ((a.sequencerId ?? '') < (b.sequencerId ?? '') ? -1 : 1))
}

/**
 * Where an app's exports go: the account that is named if it is of this app, else the newest; for one that takes files, a
 * file. @throws Refusal invalid_request where there is no account.
 */
export function exportTargetOf(
  accounts: readonly Sequencer[],
  name: PlatformName,
  accountId: string | undefined,
): Target {
  const { method, title } = sequencerPlatforms[name]
  if (method === 'file') return { sequencerId: null, platform: name }
  const there = accounts.filter((row) => row.platform === name)
  const found = there.find(({ id }) => id === accountId?.toLowerCase()) ?? there.at(-1)
  if (!found) {
    throw new Refusal('invalid_request', `There is no account at ${title}: add one for ${appOf(name)} first.`)
  }
  return { sequencerId: found.id, platform: name }
}

/** With its workspace: whoever follows a link sends the key and no more. */
function linkOf(platform: Platform, { workspaceId }: Scope, id: string): string {
  return `${publicUrl(platform)}/zapmail/v2/exports/files/${id}?workspaceId=${workspaceId}`
}

function statusRoute(app: Api, platform: Platform): void {
  app.get(
    '/v2/exports/status',
    {
      schema: {
        summary: 'Get how an export stands',
        tags,
        querystring: Type.Object({
          exportId: Type.String({ pattern: '^[0-9]{1,16}$', description: 'A number.' }),
        }),
        response: {
          200: DataOf(
            Type.Object({
              export_id: Type.Integer(),
              status: OneOf(exportStatuses, 'FAILED: nothing of it has arrived.'),
              failure_reason: Nullable(Type.String(), 'Of the first mailbox that was not exported.'),
            }),
          ),
          ...errors(),
        },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const found = await getExportByNumber(platform, scope, Number(request.query.exportId))
      const [item] =
        found.failed === 0
          ? []
          : (await listExportItems(platform, scope, found.id, { state: 'failed' }, { after: null, limit: 1 }))
              .rows
      const reason = item ? `${item.address}: ${item.error || item.error_kind}` : null
      return dataOf('Export status fetched successfully', {
        export_id: numberOfId(found.id),
        status: exportStatusOf(found),
        failure_reason: reason,
      })
    },
  )
}

export function exportStatusOf({
  state,
  done,
  skipped,
}: Pick<Export, 'state' | 'done' | 'skipped'>): ExportStatus {
  if (state === 'running') return 'STARTED'
  return state === 'completed' && done + skipped > 0 ? 'COMPLETED' : 'FAILED'
}

function fileRoute(app: Api, platform: Platform): void {
  app.get(
    '/v2/exports/files/:id',
    {
      exposeHeadRoute: false, // it would note looks at passwords that nobody had
      schema: {
        summary: 'Fetch the file of an export',
        description: 'CSV, with the passwords of this moment; every look at one is noted.',
        tags,
        params: Type.Object({ id: Id }),
        querystring: Type.Object({
          workspaceId: Type.Optional(Id),
          part: Type.Optional(Type.Integer({ minimum: 1, description: 'Which of its files, from 1.' })),
        }),
        response: {
          200: Type.Unsafe<string>({
            description: 'The file.',
            content: { 'text/csv': { schema: { type: 'string' } } },
          }),
          ...errors(),
        },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      const { principal, scope } = caller
      const { part = 1, workspaceId: named = scope.workspaceId } = request.query
      const { id } = request.params
      const file = await transact(platform, caller, async (tx) => {
        const { id: workspaceId } = await getWorkspace(platform, principal, named, tx)
        return await exportFile(platform, tx, { ...scope, workspaceId }, id, part)
      })
      void reply.headers({
        ...noStore,
        'content-type': 'text/csv; charset=utf-8; header=present', // RFC 4180 §3
        'content-disposition': `attachment; filename="${file.name}"`,
      })
      return file.text
    },
  )
}
