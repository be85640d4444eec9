/** GET /docs/errors/{code}: the page that a problem's `type` leads to. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Type } from 'typebox'
import { type ErrorCode, errorCatalogue, Refusal } from '../platform/errors.ts'
import type { Api } from './schemas.ts'

/** Where the pages are, one CODE.md each. */
export const errorPagesFolder = join(import.meta.dirname, '../../docs/errors')

export function errorPageRoutes(app: Api): void {
  app.get(
    '/docs/errors/:code',
    { schema: { hide: true, params: Type.Object({ code: Type.String() }) } },
    async (request, reply) => {
      const code = request.params.code.replace(/\.md$/, '') // as the pages link to each other
      if (!isErrorCode(code)) throw new Refusal('route_not_found', 'There is no such error code.')
      const page = await readFile(join(errorPagesFolder, `${code}.md`), 'utf8')
      return reply.header('content-type', 'text/markdown; charset=utf-8').send(page)
    },
  )
}

function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorCatalogue, text)
}
