/** find_mailboxes and create_mailbox. */

import * as z from 'zod'
import { partyOf } from '../../accounts/principals.ts'
import { createIdentity } from '../../mailboxes/identities.ts'
import type { IdentityMailbox } from '../../mailboxes/identity-places.ts'
import { getMailbox, listMailboxes } from '../../mailboxes/mailboxes.ts'
import { provisionMailbox } from '../../mailboxes/provision.ts'
import type { Mailbox } from '../../mailboxes/tables.ts'
import type { Tx } from '../../platform/database.ts'
import { Refusal } from '../../platform/errors.ts'
import { changeOnce, idempotencyKey } from '../once.ts'
import { defineTool, type Tool, type ToolCall } from '../tool.ts'
import { cursor, limit, pageOf } from './arguments.ts'

const findMailboxes = defineTool({
  name: 'find_mailboxes',
  title: 'Find mailboxes',
  description:
    'Lists the mailboxes that this connection reaches, all or those whose address or name has a text in it.',
  access: 'read',
  input: z.object({
    search: z.string().min(1).max(200).optional().describe('Part of the address or of a name.'),
    domain: z.string().min(1).max(253).optional().describe('Only mailboxes of this domain, by its name.'),
    limit,
    cursor,
  }),
  async run({ platform, caller: { scope } }, { search, domain, ...page }) {
    const filter = { domain: domain ?? null, state: null, search: search ?? null, tag: null }
    const { rows, nextCursor } = await listMailboxes(platform, scope, filter, pageOf(page))
    const lines = rows.map(({ address, id, state, display_name: name }) => {
      return `- ${address} (id ${id}, ${state}${name === null ? '' : `, ${JSON.stringify(name)}`})`
    })
    return {
      words: [
        rows.length === 0 ? 'No mailbox was found.' : `${rows.length} found:`,
        ...lines,
        ...(nextCursor === null ? [] : [`There are more: next_cursor is ${nextCursor}`]),
      ].join('\n'),
      data: { mailboxes: rows.map(mailboxData), next_cursor: nextCursor },
    }
  },
})

const NewMailbox = z.object({
  address: z
    .string()
    .min(1)
    .max(1000)
    .optional()
    .describe('The whole address, such as ann@example.com. Left out: a random local part.'),
  domain: z
    .string()
    .min(1)
    .max(253)
    .optional()
    .describe('For a random local part: in which domain. Left out: the oldest active one of the workspace.'),
  display_name: z.string().max(200).optional().describe('The name that recipients see.'),
  handle: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .describe(
      'Also makes an identity with this handle, by which programs know the agent whose mailbox it is.',
    ),
  description: z.string().max(2000).optional().describe('What the identity is for; only with a handle.'),
  idempotency_key: idempotencyKey,
})

const createMailbox = defineTool({
  name: 'create_mailbox',
  title: 'Create a mailbox',
  description:
    'Creates a mailbox that can send and receive at once, with an address of your choice or a random local part. Use a ' +
    'domain that who_am_i lists.',
  access: 'write',
  reach: 'workspace',
  input: NewMailbox,
  async run(call, args) {
    if (args.address !== undefined && args.domain !== undefined) {
      throw new Refusal('invalid_request', 'Give either an address or a domain.')
    }
    if (args.description !== undefined && args.handle === undefined) {
      throw new Refusal('invalid_request', 'A description is of an identity: give a handle, too.')
    }
    return await changeOnce(call, 'create_mailbox', args, async (tx) => {
      const { mailbox, handle } = await create(call, tx, args)
      return {
        words:
          `Created ${mailbox.address} (id ${mailbox.id}, ${mailbox.state}).` +
          (handle === null ? '' : ` Its identity has the handle ${handle}.`),
        data: { mailbox: mailboxData(mailbox), handle },
      }
    })
  },
})

async function create(
  { platform, caller: { principal, scope } }: ToolCall,
  tx: Tx,
  { address, domain, display_name: name, handle, description }: z.output<typeof NewMailbox>,
): Promise<{ mailbox: Mailbox; handle: string | null }> {
  const displayName = name ?? null
  const local = address ?? (domain === undefined ? null : { domain })
  if (local !== null && handle === undefined) {
    const people = { displayName, firstName: null, lastName: null }
    const item = { address: local, ...people, password: null, tags: [], service: 'local' } as const
    return { mailbox: await provisionMailbox(platform, tx, scope, item), handle: null }
  }
  const place: IdentityMailbox | null = typeof local === 'string' ? { address: local } : local
  const identity = await createIdentity(platform, tx, scope, {
    handle: handle ?? null,
    displayName,
    description: description ?? null,
    owner: partyOf(principal),
    mailbox: place,
  })
  // It was just made with one.
  const mailbox = await getMailbox(platform, scope, identity.mailbox_id ?? '', tx)
  return { mailbox, handle: identity.handle }
}

function mailboxData({ id, address, state, display_name, created_at }: Mailbox): Record<string, unknown> {
  return { id, address, state, display_name, created_at: created_at.toISOString() }
}

export const mailboxTools: readonly Tool[] = [findMailboxes, createMailbox]
