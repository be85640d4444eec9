/** What a tool says: words and data of the platform's own, and apart from them what came from mail. */
import type { CallToolResult, ContentBlock } from '@modelcontextprotocol/sdk/types.js'
import { cleanText } from './clean-text.ts'
import { markUntrusted, untrustedFieldsNotice, untrustedNotice } from './untrusted.ts'

export type Answer = {
  /** The platform's own words. */
  words: string
  /** The same as data. What came from mail stands in it under keys named `untrusted`, cleaned. */
  data: Record<string, unknown>
  /** From mail; null or left out: nothing in the answer is. */
  mail?: string | null
  /** Pictures and links, which are from mail too. */
  files?: ContentBlock[]
}

export function resultOf({ words, data, mail = null, files = [] }: Answer): CallToolResult {
  const isUntrusted = mail !== null || files.length > 0
  const content: ContentBlock[] = [{ type: 'text', text: words }]
  if (mail !== null) {
    content.push({
      type: 'text',
      text: `${untrustedNotice}\n${markUntrusted(cleanText(mail).text)}`,
      _meta: { untrusted: true },
    })
  }
  content.push(...files.map((file) => ({ ...file, _meta: { ...file._meta, untrusted: true } })))
  return {
    content,
    structuredContent: isUntrusted ? { ...data, notice: untrustedFieldsNotice } : data,
    _meta: { untrusted: isUntrusted },
  }
}
