package server

import (
	models "github.com/modelwharf/modelwharf/internal/catalog"
	"github.com/modelwharf/modelwharf/internal/dynamodb"
)

// openModels opens the catalog of models, which guards their versions in the tables.
func (s *Server) openModels(tables *dynamodb.Service) *models.Service {
	return models.New(models.Config{
		Store: s.store, Tables: tables, Images: s.images.Service, Packages: s.packages.Service,
		Identity: s.identity, Seal: s.pages, Now: s.config.Now, Log: s.log,
	})
}
