import { defineConfig } from 'vitest/config'

const never = ['**/node_modules/**', '**/dist/**']

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: 'unit',
          include: ['{shared,agent,broker,client}/**/*.test.ts'],
          exclude: never,
        },
      },
      {
        test: {
          name: 'simulation',
          include: ['simulations/**/*.test.ts'],
          exclude: never,
          testTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'integration',
          include: ['test/**/*.test.ts'],
          exclude: never,
          testTimeout: 120_000,
          hookTimeout: 60_000,
          maxWorkers: 2,
        },
      },
    ],
  },
})
