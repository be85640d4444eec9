/** who_am_i: what the connection reaches, for a model that has just begun. */
import * as z from 'zod'
import { getWorkspace } from '../../accounts/workspaces.ts'
import { listDomains } from '../../domains/domains.ts'
import { getMailbox } from '../../mailboxes/mailboxes.ts'
import { defineTool } from '../tool.ts'

const domainsShownMax = 50

export const whoAmI = defineTool({
  name: 'who_am_i',
  title: 'Who am I',
  description:
    'Tells what this connection reaches: the workspace, whether it may only read, the one mailbox that it is bound to if ' +
    'it is, and otherwise the domains in which mailboxes can be created. A good first call.',
  access: 'read',
  input: z.object({}),
  async run({ platform, caller: { principal, scope } }) {
    const { id, name } = await getWorkspace(platform, principal, scope.workspaceId)
    const mailbox = scope.mailboxId === null ? null : await getMailbox(platform, scope, scope.mailboxId)
    const domains =
      mailbox === null
        ? await listDomains(
            platform,
            scope,
            { state: 'active', search: null },
            { limit: domainsShownMax, after: null },
          )
        : null
    const names = domains?.rows.map((domain) => domain.name) ?? []
    return {
      words: [
        `Workspace ${name} (${id}), ${scope.access === 'read' ? 'read only' : 'read and write'}.`,
        mailbox === null
          ? `Active domains: ${names.length === 0 ? 'none' : names.join(', ')}${domains?.nextCursor ? ' and more' : ''}.`
          : `Bound to the mailbox ${mailbox.address} (${mailbox.id}): the argument "mailbox" can be left out.`,
      ].join('\n'),
      data: {
        workspace: { id, name },
        access: scope.access,
        mailbox: mailbox === null ? null : { id: mailbox.id, address: mailbox.address },
        domains: names,
      },
    }
  },
})
