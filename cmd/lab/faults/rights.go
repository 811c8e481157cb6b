package faults

import (
	"context"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// reader is the user, and what lets it read everything, of rows in which rights go.
const reader = "hindsight-reader"

// withRights lets the programs be a user who may read everything, by a binding
// that can be taken away.
func withRights(s *stage, _ *setup) error {
	client, err := kubernetes.NewForConfig(s.config)
	if err != nil {
		return err
	}
	role := &rbacv1.ClusterRole{
		ObjectMeta: metav1.ObjectMeta{Name: reader},
		Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{"*"}, Resources: []string{"*"}, Verbs: []string{"get", "list", "watch"},
		}},
	}
	ctx := context.Background()
	if _, err := client.RbacV1().ClusterRoles().Create(ctx, role, metav1.CreateOptions{}); err != nil {
		return err
	}
	s.user = reader
	return s.grant(ctx, client)
}

func (s *stage) grant(ctx context.Context, client kubernetes.Interface) error {
	_, err := client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: reader},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: reader},
		Subjects:   []rbacv1.Subject{{APIGroup: rbacv1.GroupName, Kind: rbacv1.UserKind, Name: s.user}},
	}, metav1.CreateOptions{})
	return err
}

// takeRights takes the rights away and gives them back. Servers ask for rights
// when a watch is opened, so those that are open are cut.
func takeRights(ctx context.Context, s *stage) error {
	client, err := kubernetes.NewForConfig(s.config)
	if err != nil {
		return err
	}
	if err := s.during(ctx, s.long(10*time.Second, time.Second)); err != nil {
		return err
	}
	since := time.Now()
	if err := client.RbacV1().ClusterRoleBindings().Delete(ctx, reader, metav1.DeleteOptions{}); err != nil {
		return err
	}
	if err := s.during(ctx, time.Second); err != nil { // until the server knows of it
		return err
	}
	s.proxy.cut()
	if err := s.during(ctx, s.long(10*time.Second, 3*time.Second)); err != nil {
		return err
	}
	if err := s.grant(ctx, client); err != nil {
		return err
	}
	if err := s.during(ctx, slack); err != nil {
		return err
	}
	return s.expired(ctx, since, 0)
}
