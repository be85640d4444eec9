/**
 * The reference page at /docs. Scalar's plugin keeps four megabytes of script in memory, which most nodes never
 * serve: it is loaded with the first visitor, asked for its two files, and let go.
 */
import fastify from 'fastify'
import { apiLimits } from './limits.ts'
import type { Api } from './schemas.ts'

type PageFile = { mediaType: string; body: Buffer }

// Nothing is loaded from elsewhere, whatever the page's own code would like.
const contentSecurityPolicy = [
  "default-src 'self'",
  "script-src 'self' 'unsafe-inline'",
  "style-src 'self' 'unsafe-inline'",
  "img-src 'self' data: blob:",
  "font-src 'self' data:",
  "worker-src 'self' blob:",
  "frame-ancestors 'none'",
].join('; ')

const paths = ['/docs/', '/docs/js/scalar.js'] as const

/** `/` and `/docs` lead there. */
export function referencePageRoutes(app: Api): void {
  let files: Promise<ReadonlyMap<string, PageFile>> | null = null
  for (const path of ['/', '/docs'] as const) {
    app.get(path, { schema: { hide: true } }, (_request, reply) => reply.redirect('/docs/', 302))
  }
  for (const path of paths) {
    app.get(path, { schema: { hide: true } }, async (_request, reply) => {
      files ??= loadFiles()
      const file = (await files).get(path)
      if (!file) throw new Error(`the reference has no ${path}`)
      void reply.header('content-security-policy', contentSecurityPolicy)
      void reply.header('cache-control', `max-age=${apiLimits.referenceCacheSeconds}`)
      void reply.type(file.mediaType)
      return reply.send(file.body)
    })
  }
}

async function loadFiles(): Promise<ReadonlyMap<string, PageFile>> {
  const { default: scalar } = await import('@scalar/fastify-api-reference')
  const source = fastify()
  await source.register(scalar, {
    routePrefix: '/docs',
    configuration: {
      url: '/v1/openapi.json',
      withDefaultFonts: false,
      telemetry: false,
      // What belongs to Scalar's own service.
      agent: { disabled: true },
      showDeveloperTools: 'never',
      hideClientButton: true,
      pageTitle: 'Mailwright API',
    },
  })
  const files = new Map<string, PageFile>()
  for (const path of paths) {
    const { headers, rawPayload } = await source.inject(path)
    files.set(path, { mediaType: String(headers['content-type']), body: rawPayload })
  }
  await source.close()
  return files
}
