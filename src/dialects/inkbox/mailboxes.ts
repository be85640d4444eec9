/** /mail/mailboxes: listed, seen and changed; for clients until 0.3 also made for an identity and deleted by themselves. */
import type { FastifyRequest } from 'fastify'
import { type Static, Type } from 'typebox'
import type { Caller } from '../../mailboxes/callers.ts'
import { isHandleOfOther } from '../../mailboxes/handle-names.ts'
import { getIdentity, type Identity } from '../../mailboxes/identities.ts'
import { giveMailbox, identityIdsOf, partMailbox } from '../../mailboxes/identity-mailboxes.ts'
import { newestMailboxes } from '../../mailboxes/mailbox-sets.ts'
import { deleteMailbox, getMailbox, updateMailbox } from '../../mailboxes/mailboxes.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import type { Api } from '../../platform/http/app.ts'
import type { Platform } from '../../platform/platform.ts'
import { callerOf } from '../callers.ts'
import { transact } from '../transact.ts'
import { isOldClient, requireAdministrator } from './callers.ts'
import { extraForbidden } from './errors.ts'
import { changeFilterModes, FilterMode, type ModeChangeNotice } from './filter-modes.ts'
import { findIdentity } from './identity-path.ts'
import { findMailbox, MailboxPath } from './mailbox-path.ts'
import { MailboxView, mailboxView, mailboxViews } from './mailbox-view.ts'
import { errors, orNull } from './schemas.ts'
import { sendingDomain, sendingDomainRef } from './sending-domains.ts'
import { changeSignature, signatureFields } from './signatures.ts'
import { setWebhookUrl } from './webhook-url.ts'

const tags = ['Mailboxes']
/** Lists are not paged: more than these nobody sees at once. */
export const listMax = 10_000
const DisplayName = Type.String({ maxLength: 255 })
/** As clients until 0.3 knew it, where neither they nor the identity say a name. */
const displayNameDefault = 'Inkbox user'

const NewMailboxBody = Type.Object({
  agent_handle: Type.String({ maxLength: 64, description: 'Of an identity without a mailbox.' }),
  display_name: Type.Optional(DisplayName),
  email_local_part: Type.Optional(
    Type.String({ minLength: 1, maxLength: 64, description: 'Default: a random one.' }),
  ),
  filter_mode: Type.Optional(FilterMode),
  sending_domain_id: Type.Optional(
    orNull(
      Type.String({ maxLength: 100, description: 'Null: the platform’s. Default: the organization’s.' }),
    ),
  ),
})

const MailboxChangesBody = Type.Object(
  {
    display_name: Type.Optional(DisplayName),
    webhook_url: Type.Optional(orNull(Type.String({ maxLength: 2048 }))),
    filter_mode: Type.Optional(FilterMode),
    signature_html: Type.Optional(signatureFields.signature_html),
    signature_text: Type.Optional(signatureFields.signature_text),
    signature_enabled: Type.Optional(signatureFields.signature_enabled),
  },
  { additionalProperties: false },
)

export function mailboxRoutes(app: Api, platform: Platform): void {
  app.get(
    '/mail/mailboxes',
    {
      schema: {
        summary: 'List mailboxes',
        tags,
        response: { 200: Type.Array(MailboxView), ...errors() },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      return mailboxViews(platform, platform.db, await newestMailboxes(platform.db, scope, listMax))
    },
  )
  app.get(
    '/mail/mailboxes/:email_address',
    {
      schema: {
        summary: 'Get a mailbox',
        tags,
        params: MailboxPath,
        response: { 200: MailboxView, ...errors(404) },
      },
    },
    async (request) => {
      const { scope } = callerOf(request)
      const mailbox = await findMailbox(platform, scope, request.params.email_address)
      return mailboxView(platform, platform.db, mailbox)
    },
  )
  createRoute(app, platform)
  changeRoute(app, platform)
  deleteRoute(app, platform)
}

function createRoute(app: Api, platform: Platform): void {
  app.post(
    '/mail/mailboxes',
    {
      schema: {
        summary: 'Give an identity a mailbox',
        description:
          'For clients until 0.3. A mailbox that came along with its identity, unasked, is taken up once.',
        tags,
        body: NewMailboxBody,
        response: { 201: MailboxView, ...errors(402, 404, 409, 422, 503) },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      if (request.body.filter_mode !== undefined) requireAdministrator(request)
      const view = await transact(platform, caller, async (tx) =>
        mailboxView(platform, tx, await create(platform, tx, caller, request.body)),
      )
      return reply.code(201).send(view)
    },
  )
}

async function create(
  platform: Platform,
  tx: Tx,
  { scope }: Caller,
  body: Static<typeof NewMailboxBody>,
): Promise<Mailbox> {
  const identity = await findIdentity(platform, scope, body.agent_handle, tx)
  const displayName = body.display_name ?? (identity.display_name === null ? displayNameDefault : null)
  const place = await placeOf(platform, tx, scope, identity, body)
  const given = await giveMailbox(platform, tx, scope, identity.id, { mailbox: place, displayName })
  const id = given.mailbox_id ?? ''
  if (body.filter_mode !== undefined) await changeModes(platform, tx, scope, id, body.filter_mode)
  return await getMailbox(platform, scope, id, tx)
}

/** A mailbox that came along stays where it is, unless something else is asked for. */
async function placeOf(
  platform: Platform,
  tx: Tx,
  scope: Caller['scope'],
  identity: Identity,
  { email_local_part: localPart, sending_domain_id: domainId }: Static<typeof NewMailboxBody>,
): Promise<{ address: string } | { domain: string }> {
  const domain = await sendingDomain(platform, tx, scope, sendingDomainRef(domainId))
  if (localPart === undefined) return { domain: domain.name }
  const owner = { identityId: identity.id, mailboxId: identity.mailbox_id }
  if (domain.isPlatform && (await isHandleOfOther(tx, localPart, owner))) {
    throw new Refusal('address_taken', `${localPart}@${domain.name} is another agent's.`)
  }
  return { address: `${localPart}@${domain.name}` }
}

function changeModes(
  platform: Platform,
  tx: Tx,
  scope: Caller['scope'],
  mailboxId: string,
  mode: FilterMode,
): Promise<ModeChangeNotice | null> {
  return changeFilterModes(platform, tx, scope, mailboxId, { inbound: mode, outbound: mode })
}

function changeRoute(app: Api, platform: Platform): void {
  app.patch(
    '/mail/mailboxes/:email_address',
    {
      schema: {
        summary: 'Change a mailbox',
        description: 'What is left out stays. Other fields than these are refused.',
        tags,
        params: MailboxPath,
        body: MailboxChangesBody,
        response: { 200: MailboxView, ...errors(404, 422) },
      },
    },
    async (request) => {
      const caller = callerOf(request)
      const { body, params } = request
      if (body.filter_mode !== undefined) requireAdministrator(request)
      return await transact(platform, caller, async (tx) => {
        const mailbox = await findMailbox(platform, caller.scope, params.email_address, tx)
        if (body.display_name !== undefined) await requireOlderWays(platform, tx, request, mailbox)
        const notice = await change(platform, tx, caller, mailbox, body)
        const changed = await getMailbox(platform, caller.scope, mailbox.id, tx)
        return mailboxView(platform, tx, changed, notice)
      })
    },
  )
}

/**
 * Since 0.4 the name is changed at the identity, and clients of before cannot all be told by their headers: theirs are
 * mailboxes that were asked for.
 * @throws Refusal invalid_request.
 */
async function requireOlderWays(
  platform: Platform,
  tx: Tx,
  request: FastifyRequest,
  { id }: Mailbox,
): Promise<void> {
  if (isOldClient(request)) return
  const identityId = (await identityIdsOf(tx, [id])).get(id)
  if (identityId === undefined) return
  const identity = await getIdentity(platform, callerOf(request).scope, identityId, tx)
  if (!identity.mailbox_is_implicit) return
  throw new Refusal('invalid_request', undefined, {
    fields: [{ pointer: '/display_name', detail: extraForbidden }],
  })
}

async function change(
  platform: Platform,
  tx: Tx,
  caller: Caller,
  mailbox: Mailbox,
  body: Static<typeof MailboxChangesBody>,
): Promise<ModeChangeNotice | null> {
  const { display_name: displayName, webhook_url: url, filter_mode: mode, ...signature } = body
  const { scope } = caller
  if (displayName !== undefined) await updateMailbox(platform, tx, scope, mailbox.id, { displayName }, null)
  if (url !== undefined) await setWebhookUrl(platform, tx, caller, mailbox, url)
  if (Object.keys(signature).length > 0) await changeSignature(platform, tx, scope, mailbox.id, signature)
  return mode === undefined ? null : await changeModes(platform, tx, scope, mailbox.id, mode)
}

function deleteRoute(app: Api, platform: Platform): void {
  app.delete(
    '/mail/mailboxes/:email_address',
    {
      schema: {
        summary: 'Delete a mailbox',
        description:
          'For clients until 0.3: the identity stays, without a mailbox. It can be restored elsewhere for some days.',
        tags,
        params: MailboxPath,
        response: { 204: Type.Null({ description: 'It is deleted.' }), ...errors(404, 409) },
      },
    },
    async (request, reply) => {
      const caller = callerOf(request)
      const { scope } = caller
      await transact(platform, caller, async (tx) => {
        const { id } = await findMailbox(platform, scope, request.params.email_address, tx)
        const identityId = (await identityIdsOf(tx, [id])).get(id)
        if (identityId !== undefined) await partMailbox(platform, tx, scope, identityId)
        await deleteMailbox(platform, tx, scope, id, { purge: false })
      })
      return reply.code(204).send(null)
    },
  )
}
