/** list_folders. */
import * as z from 'zod'
import { listFolders } from '../../messages/folders.ts'
import { getStoredMailbox } from '../../messages/stored-mailbox.ts'
import { defineTool, mailboxRef, type Tool } from '../tool.ts'
import { mailbox } from './arguments.ts'

const listFoldersTool = defineTool({
  name: 'list_folders',
  title: 'List folders',
  description:
    'Lists the folders of a mailbox with what each is for and how many messages it holds, read and unread.',
  access: 'read',
  input: z.object({ mailbox }),
  async run(call, args) {
    const { platform, caller } = call
    const { mailboxId } = await getStoredMailbox(platform, caller.scope, mailboxRef(call, args.mailbox))
    const folders = (await listFolders(platform, mailboxId)).map((folder) => ({
      id: folder.id,
      path: folder.path,
      special_use: folder.special_use,
      messages: folder.message_count,
      unread: folder.unseen_count,
    }))
    return {
      words: folders
        .map(({ path, messages, unread, special_use: use }) => {
          return `- ${path}: ${messages} messages, ${unread} unread${use === null ? '' : ` (${use})`}`
        })
        .join('\n'),
      data: { folders },
    }
  },
})

export const folderTools: readonly Tool[] = [listFoldersTool]
