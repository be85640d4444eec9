/** The tools, in the order in which they are listed. */
import type { Tool } from './tool.ts'
import { attachmentTools } from './tools/attachments.ts'
import { changeTools } from './tools/changes.ts'
import { draftTools } from './tools/drafts.ts'
import { folderTools } from './tools/folders.ts'
import { listTools } from './tools/lists.ts'
import { mailboxTools } from './tools/mailboxes.ts'
import { readTools } from './tools/read.ts'
import { sendTools } from './tools/send.ts'
import { waitTools } from './tools/wait.ts'
import { whoAmI } from './tools/who-am-i.ts'

export const tools: readonly Tool[] = [
  whoAmI,
  ...mailboxTools,
  ...folderTools,
  ...listTools,
  ...readTools,
  ...waitTools,
  ...attachmentTools,
  ...changeTools,
  ...draftTools,
  ...sendTools,
]

const byName = new Map(tools.map((tool) => [tool.name, tool]))

export function toolNamed(name: string): Tool | undefined {
  return byName.get(name)
}
